# NIST StRD, ENSO; the values are start 1
input X : B×1
target Y : B×1
param b₁ : 1×1 = 11.0
param b₂ : 1×1 = 3.0
param b₃ : 1×1 = 0.5
param b₄ : 1×1 = 40.0
param b₅ : 1×1 = -0.7
param b₆ : 1×1 = -1.3
param b₇ : 1×1 = 25.0
param b₈ : 1×1 = -0.3
param b₉ : 1×1 = 1.4
T = 6.283185307179586 X
F = b₁ + b₂ cos(T / 12) + b₃ sin(T / 12) + b₅ cos(T / b₄) + b₆ sin(T / b₄) + b₈ cos(T / b₇) + b₉ sin(T / b₇)
L = mse(F, Y)
minimize L
