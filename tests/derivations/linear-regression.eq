input X : m×n
target y : m×1
param w : n×1
minimize sum((X w - y) .^ 2)
