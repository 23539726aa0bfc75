input X : B×n
target Y : B×n
param W : n×n
param V : n×n
H = X V
A = relu(H W)
R = H + A
minimize mse(R, Y)
