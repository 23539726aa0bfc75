# Layers: functions that own parameters.

layer dense(X: B×n, m) = X W + b
  param W : n×m ~ glorot
  param b : 1×m = 0

layer layer_norm(X: B×n, ε = 1e-5) = N ⊙ g + b
  param g : 1×n = 1
  param b : 1×n = 0
  where D = X - rowmean(X)
  where N = D ⊘ sqrt(rowmean(D .^ 2) + ε)

# X + a dense layer with tanh of it
layer residual(X: B×n) = X + tanh(X W + b)
  param W : n×n ~ glorot
  param b : 1×n = 0
