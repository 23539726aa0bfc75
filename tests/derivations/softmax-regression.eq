input X : B×4
target Y : B×3
param W : 4×3
param b : 1×3
Z = X W + b
L = cross_entropy(Z, Y)
minimize L
