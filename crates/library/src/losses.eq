# Losses: means over the rows. Z are logits, A are values, Y are targets.

# mean over all entries of the squared error
mse(A, Y) = sum((A - Y) .^ 2) / (rows(A) cols(A))
  adjoint L: ∂A = ∂L (2 (A - Y) / (rows(A) cols(A)))
# ½ Σ of each row: the textbooks' cost
half_sse(A, Y) = sum((A - Y) .^ 2) / (2 rows(A))
  adjoint L: ∂A = ∂L ((A - Y) / rows(A))
mae(A, Y) = sum(abs(A - Y)) / (rows(A) cols(A))
  adjoint L: ∂A = ∂L (sign(A - Y) / (rows(A) cols(A)))
huber(A, Y, δ = 1) = sum(0.5 Q .^ 2 + δ (abs(A - Y) - Q)) / (rows(A) cols(A))
  where Q = min(abs(A - Y), δ)
  adjoint L: ∂A = ∂L (min(max(A - Y, -δ), δ) / (rows(A) cols(A)))
# rows of Y sum to 1; log Σ exp Z - Σ Y Z is then -Σ Y log softmax(Z), and never takes log 0
cross_entropy(Z, Y) = sum(lse(Z) - rowsum(Y ⊙ Z)) / rows(Z)
  adjoint L: ∂Z = ∂L ((softmax(Z) - Y) / rows(Z))
# summed over the columns; Z are logits, the prediction is sigmoid(Z)
binary_cross_entropy(Z, Y) = sum(softplus(Z) - Y ⊙ Z) / rows(Z)
  adjoint L: ∂Z = ∂L ((sigmoid(Z) - Y) / rows(Z))
# log link: the prediction is exp(Z)
poisson(Z, Y) = sum(exp(Z) - Y ⊙ Z) / rows(Z)
  adjoint L: ∂Z = ∂L ((exp(Z) - Y) / rows(Z))
# targets are -1 and 1
hinge(Z, Y) = sum(max(1 - Y ⊙ Z, 0)) / rows(Z)
  adjoint L: ∂Z = ∂L (-(Y ⊙ (1 - Y ⊙ Z > 0)) / rows(Z))
# C has a row for each true class and a column for each decision
expected_cost(Z, Y, C) = sum((Y C) ⊙ softmax(Z)) / rows(Z)
