# Losses: means over the rows. Z are logits, A are values, Y are targets. NAME_each is what each row
# or entry adds to NAME, so that with weights S (B×1, or of the shape of Y) the weighted loss is
# sum(S ⊙ NAME_each(Z, Y)) / rows(Z).

# mean over all entries of the squared error
mse(A, Y) = sum((A - Y) .^ 2) / (rows(A) cols(A))
  adjoint L: ∂A = ∂L (2 (A - Y) / (rows(A) cols(A)))
mse_each(A, Y) = (A - Y) .^ 2 / cols(A)
  adjoint E: ∂A = (∂E ⊙ (A - Y)) (2 / cols(A))
# ½ Σ of each row: the textbooks' cost
half_sse(A, Y) = sum((A - Y) .^ 2) / (2 rows(A))
  adjoint L: ∂A = ∂L ((A - Y) / rows(A))
half_sse_each(A, Y) = 0.5 (A - Y) .^ 2
  adjoint E: ∂A = ∂E ⊙ (A - Y)
mae(A, Y) = sum(abs(A - Y)) / (rows(A) cols(A))
  adjoint L: ∂A = ∂L (sign(A - Y) / (rows(A) cols(A)))
mae_each(A, Y) = abs(A - Y) / cols(A)
  adjoint E: ∂A = (∂E ⊙ sign(A - Y)) / cols(A)
huber(A, Y, δ = 1) = sum(0.5 Q .^ 2 + δ (abs(A - Y) - Q)) / (rows(A) cols(A))
  where Q = min(abs(A - Y), δ)
  adjoint L: ∂A = ∂L (min(max(A - Y, -δ), δ) / (rows(A) cols(A)))
huber_each(A, Y, δ = 1) = (0.5 Q .^ 2 + δ (abs(A - Y) - Q)) / cols(A)
  where Q = min(abs(A - Y), δ)
  adjoint E: ∂A = (∂E ⊙ min(max(A - Y, -δ), δ)) / cols(A)
# rows of Y sum to 1; log Σ exp Z - Σ Y Z is then -Σ Y log softmax(Z), and never takes log 0
cross_entropy(Z, Y) = sum(lse(Z) - rowsum(Y ⊙ Z)) / rows(Z)
  adjoint L: ∂Z = ∂L ((softmax(Z) - Y) / rows(Z))
cross_entropy_each(Z, Y) = lse(Z) - rowsum(Y ⊙ Z)
  adjoint E: ∂Z = ∂E ⊙ (softmax(Z) - Y)
# summed over the columns; Z are logits, the prediction is sigmoid(Z)
binary_cross_entropy(Z, Y) = sum(softplus(Z) - Y ⊙ Z) / rows(Z)
  adjoint L: ∂Z = ∂L ((sigmoid(Z) - Y) / rows(Z))
binary_cross_entropy_each(Z, Y) = softplus(Z) - Y ⊙ Z
  adjoint E: ∂Z = ∂E ⊙ (sigmoid(Z) - Y)
# log link: the prediction is exp(Z)
poisson(Z, Y) = sum(exp(Z) - Y ⊙ Z) / rows(Z)
  adjoint L: ∂Z = ∂L ((exp(Z) - Y) / rows(Z))
poisson_each(Z, Y) = exp(Z) - Y ⊙ Z
  adjoint E: ∂Z = ∂E ⊙ (exp(Z) - Y)
# targets are -1 and 1
hinge(Z, Y) = sum(max(1 - Y ⊙ Z, 0)) / rows(Z)
  adjoint L: ∂Z = ∂L (-(Y ⊙ (1 - Y ⊙ Z > 0)) / rows(Z))
hinge_each(Z, Y) = max(1 - Y ⊙ Z, 0)
  adjoint E: ∂Z = -(∂E ⊙ (Y ⊙ (1 - Y ⊙ Z > 0)))
# C has a row for each true class and a column for each decision
expected_cost(Z, Y, C) = sum((Y C) ⊙ softmax(Z)) / rows(Z)
  adjoint L: ∂Z = ∂L ((softmax(Z) ⊙ (Y C - rowsum((Y C) ⊙ softmax(Z)))) / rows(Z))
expected_cost_each(Z, Y, C) = rowsum((Y C) ⊙ softmax(Z))
  adjoint E: ∂Z = (∂E ⊙ softmax(Z)) ⊙ (Y C - E)
