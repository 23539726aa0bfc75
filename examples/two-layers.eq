# The worked 2-2-2 example of M. Mazur (2015): sigmoid units, half squared error
input  X : B×2
target Y : B×2
param  W₁ : 2×2 = [0.15 0.25; 0.20 0.30]
const  b₁ : 1×2 = [0.35 0.35]
param  W₂ : 2×2 = [0.40 0.50; 0.45 0.55]
const  b₂ : 1×2 = [0.60 0.60]
Z₁ = X W₁ + b₁
A₁ = sigmoid(Z₁)
Z₂ = A₁ W₂ + b₂
A₂ = sigmoid(Z₂)
E = half_sse(A₂, Y)
minimize E
