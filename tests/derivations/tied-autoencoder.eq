input X : B×n
param W : n×m
H = sigmoid(X W)
R = H Wᵀ
minimize mse(R, X)
