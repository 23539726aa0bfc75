# NIST StRD, Lanczos3; the values are start 1
input X : B×1
target Y : B×1
param b₁ : 1×1 = 1.2
param b₂ : 1×1 = 0.3
param b₃ : 1×1 = 5.6
param b₄ : 1×1 = 5.5
param b₅ : 1×1 = 6.5
param b₆ : 1×1 = 7.6
F = b₁ exp(-b₂ X) + b₃ exp(-b₄ X) + b₅ exp(-b₆ X)
L = mse(F, Y)
minimize L
