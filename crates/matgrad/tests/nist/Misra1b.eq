# NIST StRD, Misra1b; the values are start 1
input X : B×1
target Y : B×1
param b₁ : 1×1 = 500
param b₂ : 1×1 = 0.0001
D = 1 + b₂ X / 2
F = b₁ (1 - 1 ⊘ (D ⊙ D))
L = mse(F, Y)
minimize L
