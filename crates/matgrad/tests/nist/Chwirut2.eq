# NIST StRD, Chwirut2; the values are start 1
input X : B×1
target Y : B×1
param b₁ : 1×1 = 0.1
param b₂ : 1×1 = 0.01
param b₃ : 1×1 = 0.02
F = exp(-b₁ X) ⊘ (b₂ + b₃ X)
L = mse(F, Y)
minimize L
