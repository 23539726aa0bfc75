input X : m×n
param S : n×n
minimize m / 2 logdet(S) + 0.5 tr(X inv(S) Xᵀ)
