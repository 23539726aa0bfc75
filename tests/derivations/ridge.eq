input X : m×n
target y : m×1
const c : 1×1
param w : n×1
minimize norm2(X w - y)^2 + c norm2(w)^2
