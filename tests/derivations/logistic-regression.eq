input X : B×n
target y : B×1
param w : n×1
param b : 1×1
z = X w + b
minimize binary_cross_entropy(z, y)
