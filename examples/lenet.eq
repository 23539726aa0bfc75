# LeNet-like (LeCun et al. 1998) for 28×28 pictures of digits, by layers of the library:
#   matgrad train train-images-idx3-ubyte.gz --target label --network examples/lenet.eq \
#     --test t10k-images-idx3-ubyte.gz --threads 2 -o lenet.model
input  X : B×784
target Y : B×10
Z1 = conv2d(X, 28×28×1, 5×5, 6)
A1 = maxpool(relu(Z1), 24×24×6, 2×2)
Z2 = conv2d(A1, 12×12×6, 5×5, 16)
A2 = maxpool(relu(Z2), 8×8×16, 2×2)
A3 = relu(dense(A2, 120))
Z = dense(A3, 10)
L = cross_entropy(Z, Y)
minimize L
