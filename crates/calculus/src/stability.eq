# Rules that keep numbers in range. They look into named values, and are applied to the objective
# before it is derived.
log.softmax           log(softmax(Z)) → log_softmax(Z)
log.sigmoid           log(sigmoid(Z)) → -softplus(-Z)
log.one.sigmoid       log(1 - sigmoid(Z)) → -softplus(Z)
log.exp               log(exp(A)) → A
log.det               log(det(A)) → logdet(A)
square.root           sqrt(A) .^ 2 → A
norm.square           norm(A) ^ 2 → sum(A .^ 2)
norm2.square          norm2(A) ^ 2 → sum(A .^ 2)
