# logistic.eq: softmax regression on four measurements
input  X : B×4                    # B is symbolic: any number of rows
target Y : B×3
param  W : 4×3 ~ glorot
param  b : 1×3 = 0
Z = X W + b
L = cross_entropy(Z, Y)
minimize L
