# NIST StRD, Thurber; the values are start 1
input X : B×1
target Y : B×1
param b₁ : 1×1 = 1000
param b₂ : 1×1 = 1000
param b₃ : 1×1 = 400
param b₄ : 1×1 = 40
param b₅ : 1×1 = 0.7
param b₆ : 1×1 = 0.3
param b₇ : 1×1 = 0.03
S = X ⊙ X
C = S ⊙ X
F = (b₁ + b₂ X + b₃ S + b₄ C) ⊘ (1 + b₅ X + b₆ S + b₇ C)
L = mse(F, Y)
minimize L
