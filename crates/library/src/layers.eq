# Layers: functions that own parameters.

layer dense(X: B×n, m) = X W + b
  param W : n×m ~ glorot
  param b : 1×m = 0

layer layer_norm(X: B×n, ε = 1e-5) = N ⊙ g + b
  param g : 1×n = 1
  param b : 1×n = 0
  where D = X - rowmean(X)
  where N = D ⊘ sqrt(rowmean(D .^ 2) + ε)

# X + a dense layer with tanh of it
layer residual(X: B×n) = X + tanh(X W + b)
  param W : n×n ~ glorot
  param b : 1×n = 0

# a product with the unfolded pictures; X are rows of H·W·C columns, channel last, and so is the
# result. K has a row for each entry of the window, a column for each of the m channels. Groups of c
# channels each have an equal share of the columns of K: what a column has nothing to do with is 0
layer conv2d(X: B×n, H, W, C, h, w, m, stride = 1, pad = 0, dilation = 1, groups = 1, c = C / groups) = reshape(Z, rows = B)
  param K : h·w·c×m ~ he
  param b : 1×m = 0
  where U = unfold(X, H×W×C, h×w, stride stride, pad pad, dilation dilation, groups groups)
  where D = kron(ones(groups), K) ⊙ kron(eye(groups), ones(h w c, m / groups))
  where Z = U D + b

# Ioffe & Szegedy 2015, column by column. In training the mean and variance are those of the batch,
# and the running ones follow at the rate 1 - ρ; in use they are the running ones
layer batch_norm(X: B×n, ρ = 0.9, ε = 1e-5) = N ⊙ g + b
  param g : 1×n = 1
  param b : 1×n = 0
  state m : 1×n = 0
  state v : 1×n = 1
  where μ = training colmean(X) + (1 - training) m
  where D = X - μ
  where s = training colmean(D .^ 2) + (1 - training) v
  where N = D ⊘ sqrt(s + ε)
  m ← ρ m + (1 - ρ) μ
  v ← ρ v + (1 - ρ) s

# the same for pictures of C channels: each channel over all pixels of the batch
layer batch_norm2d(X: B×n, C, ρ = 0.9, ε = 1e-5) = reshape(batch_norm(reshape(X, cols = C), ρ, ε), rows = B)

# Srivastava et al. 2014, scaled in training, so that nothing is to be done in use
layer dropout(X: B×n, p = 0.5) = training (X ⊙ (R > p) / (1 - p)) + (1 - training) X
  input R : B×n ~ uniform(0, 1)

# normal noise of the deviation σ, in training alone (Bishop 1995)
layer gaussian_noise(X: B×n, σ = 0.1) = X + training σ R
  input R : B×n ~ normal(0, 1)

# Learning without weight transport: what comes back through fixed random matrices B of the shape
# of W (feedback, Lillicrap et al. 2016), or straight from the output (direct_feedback, Nøkland
# 2016), with the way through the layers stopped:
#   Z₂ = stop(A₁) W₂ + b₂
#   E = direct_feedback(Z₂, A₁, B₁)
#   L = cross_entropy(E, Y)
feedback(X, W, B) = X W
  surrogate Z: ∂X = ∂Z Bᵀ
  surrogate Z: ∂W = Xᵀ ∂Z
stop(A) = A
  surrogate C: ∂A = 0
# Z, and an error for A: B has a row for each column of A and a column for each of Z
direct_feedback(Z, A, B) = Z
  surrogate E: ∂Z = ∂E
  surrogate E: ∂A = ∂E Bᵀ
