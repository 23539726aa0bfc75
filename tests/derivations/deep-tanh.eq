input X : B×n
target Y : B×p
param W1 : n×m
param W2 : m×m
param W3 : m×p
A1 = tanh(X W1)
A2 = tanh(A1 W2)
Z = A2 W3
minimize cross_entropy(Z, Y)
