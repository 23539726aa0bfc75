input X : B×k
target Y : B×n
param W : k×n
param g : 1×n
param b : 1×n
Z = X W
D = Z - rowmean(Z)
s = sqrt(rowmean(D .^ 2) + 1e-5)
N = D ⊘ s
minimize mse(N ⊙ g + b, Y)
