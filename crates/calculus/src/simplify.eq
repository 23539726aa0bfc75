# Rewrite rules: name, pattern → replacement. Letters a–g are numbers, other lower-case letters
# columns, capitals matrices. A named value is never looked into.

# signs
neg.product.left      (-A) B → -(A B)
neg.product.right     A (-B) → -(A B)
neg.transpose         (-A)' → -A'
neg.hadamard          (-A) ⊙ B → -(A ⊙ B)
neg.quotient.left     (-A) ⊘ B → -(A ⊘ B)
neg.quotient.right    A ⊘ (-B) → -(A ⊘ B)
neg.scale             (-a) A → -(a A)
neg.colsum            colsum(-A) → -colsum(A)
neg.rowsum            rowsum(-A) → -rowsum(A)
neg.sum               sum(-A) → -sum(A)
neg.spread.row        ones(m, 1) (-A) → -(ones(m, 1) A)
neg.spread.column     (-x) ones(1, n) → -(x ones(1, n))
neg.difference        -(A - B) → B - A
neg.sum.both          -A - B → -(A + B)
neg.inverse           inv(-A) → -inv(A)

# transposes
transpose.product     (A B)' → B' A'
transpose.sum         (A + B)' → A' + B'
transpose.hadamard    (A ⊙ B)' → A' ⊙ B'
transpose.quotient    (A ⊘ B)' → A' ⊘ B'
transpose.scale       (a A)' → a A'
transpose.division    (A / a)' → A' / a
transpose.power       (A .^ a)' → A' .^ a
transpose.diag        diag(x)' → diag(x)
transpose.spread.row  (ones(m, 1) A)' → A' ones(1, m)
transpose.spread.column (x ones(1, n))' → ones(n, 1) x'
transpose.rowsum      rowsum(A)' → colsum(A')
transpose.colsum      colsum(A)' → rowsum(A')

# zero and one
zero.left             (0 ones(m, k)) A → 0 ones(m, cols(A))
zero.right            A (0 ones(k, n)) → 0 ones(rows(A), n)
zero.transpose        (0 ones(m, n))' → 0 ones(n, m)
power.one             A .^ 1 → A
power.root            sqrt(A) .^ 2 → A
diag.ones             diag(ones(n, 1)) → eye(n)

# scales go to the outside and meet there; those of numbers with numbers come first, and no
# `scale.` rule is for 1×1 values, which have no outside
scale.scale           a (b A) → (a b) A
scale.over            a (A / b) → (a A) / b
over.over             A / a / b → A / (a b)
cancel.left           (a A) / a → A
cancel.scale          a (A / a) → A
cancel.number         (b / a) a → b
divided               a (b / c) → (a b) / c
one.over              (1 / a) A → A / a
number.over           (c / a) A → (c A) / a
scale.product.left    (a A) B → a (A B)
scale.product.right   A (a B) → a (A B)
scale.division.left   (A / a) B → (A B) / a
scale.division.right  A (B / a) → (A B) / a
scale.hadamard        (a A) ⊙ B → a (A ⊙ B)
scale.hadamard.over   (A / a) ⊙ B → (A ⊙ B) / a
scale.quotient.over   (A / a) ⊘ B → (A ⊘ B) / a
scale.colsum          colsum(a A) → a colsum(A)
scale.colsum.over     colsum(A / a) → colsum(A) / a
scale.rowsum          rowsum(a A) → a rowsum(A)
scale.rowsum.over     rowsum(A / a) → rowsum(A) / a
scale.sum             sum(a A) → a sum(A)
scale.sum.over        sum(A / a) → sum(A) / a
scale.diag            diag(a x) → a diag(x)

# like terms
twice                 A + A → 2 A
twice.more            a A + A → (a + 1) A
like                  a A + b A → (a + b) A
square                A ⊙ A → A .^ 2
square.neg            (-A) .^ 2 → A .^ 2
square.scale          (a A) .^ 2 → a^2 (A .^ 2)
square.over           (A / a) .^ 2 → A .^ 2 / a^2
sum.spread.hadamard   colsum(A ⊙ (ones(m, 1) B)) → colsum(A) ⊙ B
rowsum.spread         rowsum(A ⊙ (x ones(1, n))) → rowsum(A) ⊙ x
