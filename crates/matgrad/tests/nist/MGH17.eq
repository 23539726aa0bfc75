# NIST StRD, MGH17; the values are start 1
input X : B×1
target Y : B×1
param b₁ : 1×1 = 50
param b₂ : 1×1 = 150
param b₃ : 1×1 = -100
param b₄ : 1×1 = 1
param b₅ : 1×1 = 2
F = b₁ + b₂ exp(-b₄ X) + b₃ exp(-b₅ X)
L = mse(F, Y)
minimize L
