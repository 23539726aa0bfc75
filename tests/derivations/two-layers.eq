input X : B×n
target Y : B×p
param W1 : n×m
param b1 : 1×m
param W2 : m×p
param b2 : 1×p
Z1 = X W1 + b1
A1 = sigmoid(Z1)
Z2 = A1 W2 + b2
A2 = sigmoid(Z2)
L = half_sse(A2, Y)
minimize L
