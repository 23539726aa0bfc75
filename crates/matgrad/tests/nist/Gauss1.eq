# NIST StRD, Gauss1; the values are start 1
input X : B×1
target Y : B×1
param b₁ : 1×1 = 97.0
param b₂ : 1×1 = 0.009
param b₃ : 1×1 = 100.0
param b₄ : 1×1 = 65.0
param b₅ : 1×1 = 20.0
param b₆ : 1×1 = 70.0
param b₇ : 1×1 = 178.0
param b₈ : 1×1 = 16.5
P = (X - b₄) / b₅
Q = (X - b₇) / b₈
F = b₁ exp(-b₂ X) + b₃ exp(-(P ⊙ P)) + b₆ exp(-(Q ⊙ Q))
L = mse(F, Y)
minimize L
