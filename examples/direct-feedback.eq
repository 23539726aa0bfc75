# MNIST by direct feedback alignment: the error of the output reaches each hidden layer through a
# fixed random matrix B, where backpropagation has the weights of the layers above.
input X : n×784
target Y : n×10
param W₁ : 784×200 ~ glorot
param b₁ : 1×200 = 0
param W₂ : 200×100 ~ glorot
param b₂ : 1×100 = 0
param W₃ : 100×10 ~ glorot
param b₃ : 1×10 = 0
const B₁ : 200×10 ~ normal(0, 0.3)
const B₂ : 100×10 ~ normal(0, 0.3)
Z₁ = X W₁ + b₁
A₁ = tanh(Z₁)
Z₂ = stop(A₁) W₂ + b₂
A₂ = tanh(Z₂)
Z₃ = stop(A₂) W₃ + b₃
E = direct_feedback(direct_feedback(Z₃, A₁, B₁), A₂, B₂)
L = cross_entropy(E, Y)
minimize L
