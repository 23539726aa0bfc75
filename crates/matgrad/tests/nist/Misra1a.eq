# NIST StRD, Misra1a; the values are start 1
input X : B×1
target Y : B×1
param b₁ : 1×1 = 500
param b₂ : 1×1 = 0.0001
F = b₁ (1 - exp(-b₂ X))
L = mse(F, Y)
minimize L
