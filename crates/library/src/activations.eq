# Activations and helper functions. What is sealed with `adjoint` is printed by its name; the
# tests prove each adjoint against the derived one.

# sums and norms
tr(A: n×n) = sum(diag(A))
  adjoint t: ∂A = ∂t eye(rows(A))
mean(A: m×n) = sum(A) / (m n)
  adjoint c: ∂A = ∂c / (rows(A) cols(A))
rowmean(A: m×n) = rowsum(A) / n
  adjoint r: ∂A = ∂r / cols(A)
colmean(A: m×n) = colsum(A) / m
  adjoint r: ∂A = ∂r / rows(A)
norm(A) = sqrt(sum(A .^ 2))
  adjoint s: ∂A = (∂s / s) A
norm2(A) = sqrt(sum(A .^ 2))
  adjoint s: ∂A = (∂s / s) A
norm1(A) = sum(abs(A))
  adjoint s: ∂A = ∂s sign(A)
# as norms need it: where it is 0, so is its derivative
root(A, q = 0.5) = (A + O) .^ q ⊙ (1 - O)
  where O = (A >= 0) ⊙ (0 >= A)
  adjoint C: ∂A = q ((∂C ⊙ C) ⊘ (A + (0 >= A)))
clamp(A, lo, hi) = min(max(A, lo), hi)
  adjoint C: ∂A = ∂C ⊙ ((A > lo) ⊙ (hi > A))
adj(A) = det(A) inv(A)
  adjoint C: ∂A = sum(∂C ⊙ C) A⁻¹ᵀ - A⁻¹ᵀ (∂C Cᵀ)

# activations
relu(X) = max(X, 0)
  adjoint C: ∂X = ∂C ⊙ (X > 0)
leaky_relu(X, α = 0.01) = max(X, 0) + α min(X, 0)
  adjoint C: ∂X = ∂C ⊙ ((X > 0) + α (0 >= X))
elu(X, α = 1) = max(X, 0) + α (exp(min(X, 0)) - 1)
  adjoint C: ∂X = ∂C ⊙ ((X > 0) + (0 >= X) ⊙ (α exp(min(X, 0))))
selu(X) = 1.0507009873554805 max(X, 0) + 1.7580993408473766 (exp(min(X, 0)) - 1)
  adjoint C: ∂X = ∂C ⊙ (1.0507009873554805 (X > 0) + (0 >= X) ⊙ (1.7580993408473766 exp(min(X, 0))))
gelu(X) = 0.5 (X ⊙ (1 + erf(0.7071067811865476 X)))
  adjoint C: ∂X = ∂C ⊙ (0.5 (1 + erf(0.7071067811865476 X)) + X ⊙ (0.3989422804014327 exp(-0.5 X .^ 2)))
silu(X) = X ⊙ sigmoid(X)
  adjoint C: ∂X = ∂C ⊙ (sigmoid(X) + C ⊙ (1 - sigmoid(X)))
tan(X) = sin(X) ⊘ cos(X)
  adjoint C: ∂X = ∂C ⊙ (1 + C .^ 2)
arcsin(X) = arctan(X ⊘ sqrt((1 - X) ⊙ (1 + X)))
  adjoint C: ∂X = ∂C ⊘ sqrt((1 - X) ⊙ (1 + X))
arccos(X) = 2 arctan(sqrt(1 - X) ⊘ sqrt(1 + X))
  adjoint C: ∂X = -∂C ⊘ sqrt((1 - X) ⊙ (1 + X))
softplus(X) = max(X, 0) + log(1 + exp(-abs(X)))
  adjoint C: ∂X = ∂C ⊙ sigmoid(X)
softsign(X) = X ⊘ (1 + abs(X))
  adjoint C: ∂X = ∂C ⊘ (1 + abs(X)) .^ 2
hard_sigmoid(X) = min(max(X / 6 + 0.5, 0), 1)
  adjoint C: ∂X = ∂C ⊙ ((C > 0) ⊙ (1 > C)) / 6

# row by row
softmax(Z) = E ⊘ rowsum(E)
  where E = exp(Z - rowmax(Z))
  adjoint P: ∂Z = P ⊙ (∂P - rowsum(∂P ⊙ P))
lse(Z) = rowmax(Z) + log(rowsum(exp(Z - rowmax(Z))))
  adjoint S: ∂Z = ∂S ⊙ softmax(Z)
log_softmax(Z) = Z - rowmax(Z) - log(rowsum(exp(Z - rowmax(Z))))
  adjoint S: ∂Z = ∂S - softmax(Z) ⊙ rowsum(∂S)

# pictures: rows of H·W·C columns, channel last; the mean of each channel at each place
avgpool(X: B×n, H, W, C, h, w, stride = hcat(h, w), pad = 0) = reshape(rowmean(V), rows = B)
  where U = unfold(X, H×W×C, h×w, stride stride, pad pad, groups C)
  where V = reshape(U, cols = h w)
global_avgpool(X: B×n, H, W, C) = avgpool(X, H×W×C, H×W)
global_maxpool(X: B×n, H, W, C) = maxpool(X, H×W×C, H×W)

# Kronecker product: blocks A_ij B; both are repeated to the whole shape
kron(A: m×n, B: p×q) = S ⊙ T'
  where R = reshape(reshape(A, m·n×1) ones(1, q), m×n·q)'
  where S = reshape(reshape(R, m·n·q×1) ones(1, p), n·q×m·p)'
  where Q = reshape(ones(m) reshape(B, 1×p·q), m·p×q)'
  where T = reshape(ones(n) reshape(Q, 1×m·p·q), n·q×m·p)

# Rprop's selections without a conditional
separate_by_sign(D) = hcat(max(D, 0), max(-D, 0))
min_where_nonzero(A, B, D) = (1 - abs(sign(D))) ⊙ A + abs(sign(D)) ⊙ min(A, B)
max_where_nonzero(A, B, D) = (1 - abs(sign(D))) ⊙ A + abs(sign(D)) ⊙ max(A, B)
zero_where_negative(A, D) = A ⊙ (1 - max(-sign(D), 0))
