//! What is said about wrong statements.

use expect_test::expect;

use super::wrong;

#[test]
fn unknown_keyword() {
    wrong(
        "inptu X : B×4\nY = X\n",
        expect![[r#"
        error: unknown keyword `inptu`
          ╭▸ net.eq:1:1
        1 │ inptu X : B×4
          │ ━━━━━ no such keyword
          ╰ help: did you mean `input`?"#]],
    );
}

#[test]
fn unknown_word() {
    wrong(
        "let Z = X\n",
        expect![[r#"
        error: unknown keyword `let`
          ╭▸ net.eq:1:1
        1 │ let Z = X
          │ ━━━ a line begins with a keyword or with the name that it defines
          ╰ help: write `NAME = …` to name a value; the keywords are `input`, `target`, `param`, `const`, `minimize`, `layer` and `optimizer`"#]],
    );
}

#[test]
fn no_control_flow() {
    wrong(
        "if X > 0\n  Z = X\nfor\n",
        expect![[r#"
        error: there is no control flow: `if` has no meaning here
          ╭▸ net.eq:1:1
        1 │ if X > 0
          │ ━━ a page is a list of equations
          ╰ help: choose element by element with `max`, `min`, `clamp` or a test: `(A > 0) ⊙ B`

        error: there is no control flow: `for` has no meaning here
          ╭▸ net.eq:3:1
        3 │ for
          │ ━━━ a page is a list of equations
          ╰ help: choose element by element with `max`, `min`, `clamp` or a test: `(A > 0) ⊙ B`"#]],
    );
}

#[test]
fn keyword_as_name() {
    wrong(
        "state = 3\nZ = 2 param\n",
        expect![[r#"
        error: `state` is a keyword and cannot be a name
          ╭▸ net.eq:1:1
        1 │ state = 3
          │ ━━━━━ expected the name of a value
          ╰ help: choose another name

        error: `param` does not belong here
          ╭▸ net.eq:2:7
        2 │ Z = 2 param
          │       ━━━━━ the expression ends before this
          ╰ help: a keyword begins a line"#]],
    );
}

#[test]
fn missing_shape() {
    wrong(
        "input X\nparam W 4×3\n",
        expect![[r#"
        error: the shape of `X` is missing
          ╭▸ net.eq:1:7
        1 │ input X
          │       ━ how many rows and columns?
          ╰ help: write `input X : rows×columns`, for instance `B×4`

        error: a `:` is missing before the shape
          ╭▸ net.eq:2:9
        2 │ param W 4×3
          │         ━ before this
          ╰ help: write `param W : …`"#]],
    );
}

#[test]
fn one_dimension() {
    wrong(
        "param b : 3\nparam K : 3x3x8\n",
        expect![[r#"
        error: a shape has two dimensions, rows × columns
          ╭▸ net.eq:1:11
        1 │ param b : 3
          │           ━ this has 1
          ╰ help: write `1×3` for a row, `3×1` for a column

        error: a shape has two dimensions, rows × columns
          ╭▸ net.eq:2:11
        2 │ param K : 3x3x8
          │           ━━━━━ this has 3
          ╰ help: everything is a matrix; a picture is a row: `B×H·W·C`"#]],
    );
}

#[test]
fn not_a_dimension() {
    wrong(
        "param b : 1.5×3\ninput X : B 4\ninput Y : B×\n",
        expect![[r#"
        error: `1.5` cannot be part of a dimension
          ╭▸ net.eq:1:11
        1 │ param b : 1.5×3
          │           ━━━ not a whole number, symbol or product
          ╰ help: a dimension is a whole number, a symbol or a product: `4`, `B`, `B·T`

        error: a `×` or `·` is missing in this shape
          ╭▸ net.eq:2:13
        2 │ input X : B 4
          │             ━ before this
          ╰ help: write `B×4` for rows × columns, `B·T` for a product

        error: a dimension is missing in this shape
          ╭▸ net.eq:3:12
        3 │ input Y : B×
          │            ━ after this
          ╰ help: a dimension is a whole number, a symbol or a product: `B·T`"#]],
    );
}

#[test]
fn input_with_value() {
    wrong(
        "target X : B×4 ~ glorot\n",
        expect![[r#"
            error: `X` has no value of its own
              ╭▸ net.eq:1:16
            1 │ target X : B×4 ~ glorot
              │                ━ the caller supplies the target
              ╰ help: declare numbers that are fixed with `const`, numbers that are trained with `param`"#]],
    );
}

#[test]
fn several_names() {
    wrong(
        "input X, Y : B×4\n",
        expect![[r#"
        error: a declaration names one value
          ╭▸ net.eq:1:8
        1 │ input X, Y : B×4
          │        ━ a second name follows
          ╰ help: write one declaration a line"#]],
    );
}

#[test]
fn undeclared() {
    wrong(
        "X : B×4\n",
        expect![[r#"
        error: what is `X`?
          ╭▸ net.eq:1:1
        1 │ X : B×4
          │ ━ a declaration begins with a keyword
          ╰ help: write `input X : …`, or `target`, `param` or `const`"#]],
    );
}

#[test]
fn nothing_named() {
    wrong(
        "input X : B×4\nX + 1\nexp(X)\n",
        expect![[r#"
        error: this line names no value
          ╭▸ net.eq:2:1
        2 │ X + 1
          │ ━━━━━ an expression alone says nothing
          ╰ help: write `NAME = …`, or `minimize …` for the objective

        error: this line names no value
          ╭▸ net.eq:3:1
        3 │ exp(X)
          │ ━━━━━━ an expression alone says nothing
          ╰ help: write `NAME = …`, or `minimize …` for the objective"#]],
    );
}

#[test]
fn update_outside() {
    wrong(
        "Z <- 1\n",
        expect![[r#"
        error: `←` outside of an optimizer
          ╭▸ net.eq:1:3
        1 │ Z <- 1
          │   ━━ a value is defined once, and never changes
          ╰ help: write `Z = …`; `←` is for the lines of an `optimizer`"#]],
    );
}

#[test]
fn unclosed() {
    wrong(
        "Z = exp((X + 1)\nY = 2\nA = [1 2\nminimize Y\n",
        expect![[r#"
        error: this `(` is never closed
          ╭▸ net.eq:1:8
        1 │ Z = exp((X + 1)
          │        ━ opened here
          ╰ help: add the missing `)`

        error: this `[` is never closed
          ╭▸ net.eq:3:5
        3 │ A = [1 2
          │     ━ opened here
          ╰ help: add the missing `]`"#]],
    );
}

#[test]
fn closes_nothing() {
    wrong(
        "Z = X + 1)\nY = (X]\n",
        expect![[r#"
        error: this `)` closes nothing
          ╭▸ net.eq:1:10
        1 │ Z = X + 1)
          │          ━ no bracket is open here
          ╰ help: remove it, or add the opening bracket

        error: these brackets do not match
          ╭▸ net.eq:2:5
        2 │ Y = (X]
          │     ┯ ━ this is `]`
          │     │
          ╰╴    this wants a `)`"#]],
    );
}

#[test]
fn where_alone() {
    wrong(
        "where E = 1\nZ = E\n  F = 2\n  + 3\n  adjoint P: ∂Z = P\nminimize Z\n  where E = 2\n",
        expect![[r#"
            error: `where` stands alone
              ╭▸ net.eq:1:1
            1 │ where E = 1
              │ ━━━━━ belongs to an equation
              ╰ help: indent it, under the line of an equation

            error: `F` cannot stand here
              ╭▸ net.eq:3:3
            3 │   F = 2
              │   ━ under this equation stand `where NAME = …`
              ╰ help: write `where` before it if it is a part, or remove the white space if it is a statement

            error: this line cannot stand here
              ╭▸ net.eq:4:3
            4 │   + 3
              │   ━ under this equation stand `where NAME = …`
              ╰ help: put the operator at the end of the line above

            error: `adjoint` cannot stand here
              ╭▸ net.eq:5:3
            5 │   adjoint P: ∂Z = P
              │   ━━━━━━━ under this equation stand `where NAME = …`
              ╰ help: only a function can have an adjoint of its own

            error: nothing stands under `minimize`
              ╭▸ net.eq:7:3
            7 │   where E = 2
              │   ━━━━━ this line is indented
              ╰ help: remove the white space before it if it is a statement"#]],
    );
}

#[test]
fn adjoint() {
    wrong(
        "f(Z) = Z\n  adjoint ∂Z = Z\n  adjoint P: Z = P\n  param W : 1×1\n",
        expect![[r#"
            error: expected `:` after the name of the result, found `=`
              ╭▸ net.eq:2:14
            2 │   adjoint ∂Z = Z
              │              ━ not expected here
              ╰ help: write `adjoint P: ∂Z = …`, where `P` stands for the result

            error: an adjoint gives the gradient of a parameter
              ╭▸ net.eq:3:14
            3 │   adjoint P: Z = P
              │              ━ no gradient
              ╰ help: write `∂Z = …` (`d_Z = …`)

            error: `param` cannot stand here
              ╭▸ net.eq:4:3
            4 │   param W : 1×1
              │   ━━━━━ under this equation stand `where NAME = …`, `adjoint …` or `surrogate …`
              ╰ help: write `layer NAME(…) = …` to define a function that owns parameters"#]],
    );
}

#[test]
fn optimizer() {
    wrong(
        "optimizer my(η = 0.1)\n  M = 0\n  W\n  W ← W - η G\n",
        expect![[r#"
        error: the lines of an optimizer are updates
          ╭▸ net.eq:2:5
        2 │   M = 0
          │     ━ `=` defines a value once
          ╰ help: write `M ← …` (`<-`)

        error: this line updates nothing
          ╭▸ net.eq:3:3
        3 │   W
          │   ━ neither `state …` nor `NAME ← …`
          ╰ help: write `W ← …` (`<-`)"#]],
    );
}

#[test]
fn where_on_the_line() {
    wrong(
        "Z = E where E = 1\n",
        expect![[r#"
        error: `where` does not belong here
          ╭▸ net.eq:1:7
        1 │ Z = E where E = 1
          │       ━━━━━ the expression ends before this
          ╰ help: put `where NAME = …` on an indented line below"#]],
    );
}

#[test]
fn names_with_a_meaning() {
    wrong(
        "builtin_exp(X) = X\nparam inv : 2×2\n",
        expect![[r#"
        error: `builtin_exp` has a meaning already and cannot be the name of a function
          ╭▸ net.eq:1:1
        1 │ builtin_exp(X) = X
          │ ━━━━━━━━━━━ the function exp that is built in, or of the library
          ╰ help: choose another name

        error: `inv` has a meaning already and cannot be the name of the param
          ╭▸ net.eq:2:7
        2 │ param inv : 2×2
          │       ━━━ the inverse, as in `inv(A)`
          ╰ help: choose another name"#]],
    );
}
