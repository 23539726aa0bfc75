# A small convolutional network for 28×28 pictures of digits, a picture a row.
input  X : B×784
target Y : B×10
param  K : 25×6 ~ he              # 6 kernels of 5×5, a column each
param  c : 1×6 = 0
param  M : 54×12 ~ he             # 12 kernels of 3×3 on 6 channels
param  d : 1×12 = 0
param  W : 300×10 ~ glorot
param  b : 1×10 = 0
U = unfold(X, 28×28×1, 5×5)       # a row for each of the 24·24 places of the window
C = U K + c
F = reshape(relu(C), rows = B)
P = maxpool(F, 24×24×6, 2×2)
V = unfold(P, 12×12×6, 3×3)
D = V M + d
G = reshape(relu(D), rows = B)
Q = maxpool(G, 10×10×12, 2×2)
Z = Q W + b
L = cross_entropy(Z, Y)
minimize L
