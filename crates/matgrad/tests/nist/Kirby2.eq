# NIST StRD, Kirby2; the values are start 1
input X : B×1
target Y : B×1
param b₁ : 1×1 = 2
param b₂ : 1×1 = -0.1
param b₃ : 1×1 = 0.003
param b₄ : 1×1 = -0.001
param b₅ : 1×1 = 0.00001
S = X ⊙ X
F = (b₁ + b₂ X + b₃ S) ⊘ (1 + b₄ X + b₅ S)
L = mse(F, Y)
minimize L
