//! What is said about wrong expressions.

use expect_test::expect;

use super::{Dialect, functions, parse_page, wrong, wrong_expr};

#[test]
fn mixed() {
    wrong(
        "Z = A B ⊙ C\nY = 2 A .* B * C\n",
        expect![[r#"
        error: a product and an element-wise operation are mixed without parentheses
          ╭▸ net.eq:1:5
        1 │ Z = A B ⊙ C
          │     ┯━━ ━ element-wise
          │     │
          │     matrix product
          ╰ help: write `(A B) ⊙ C` or `A (B ⊙ C)`

        error: a product and an element-wise operation are mixed without parentheses
          ╭▸ net.eq:2:9
        2 │ Y = 2 A .* B * C
          │         ┯━   ━ matrix product
          │         │
          │         element-wise
          ╰ help: write `(2 A .* B) * C` or `2 A .* (B * C)`"#]],
    );
}

#[test]
fn two_operators() {
    wrong(
        "Z = A + * B\nY = * A\nX = A /\n",
        expect![[r#"
        error: two operators in a row: `+` and `*`
          ╭▸ net.eq:1:7
        1 │ Z = A + * B
          │       ┯ ━ an operand belongs before this
          │       │
          │       after this
          ╰ help: remove one of the two, or write the operand between them

        error: an operand is missing before `*`
          ╭▸ net.eq:2:5
        2 │ Y = * A
          ╰╴    ━ nothing stands on the left of this operator

        error: an expression is missing at the end of the line
          ╭▸ net.eq:3:7
        3 │ X = A /
          ╰╴      ━ nothing follows this operator"#]],
    );
}

#[test]
fn two_equals() {
    wrong(
        "Z = Y = X\n",
        expect![[r#"
        error: `=` does not belong here
          ╭▸ net.eq:1:7
        1 │ Z = Y = X
          │       ━ the expression ends before this
          ╰ help: a line defines one name; a test is written `A > B` or `A >= B`"#]],
    );
}

#[test]
fn function_of_another_language() {
    wrong_expr(
        "trace(X)",
        expect![[r#"
        error: there is no function `trace`
          ╭▸ net.eq:1:1
        1 │ trace(X)
          │ ━━━━━ not built in, not in the library and not defined above
          ╰ help: did you mean `tr`?"#]],
    );
}

#[test]
fn nested_calls() {
    let nested = |depth: usize| format!("Z = {}X{}\n", "exp(".repeat(depth), ")".repeat(depth));
    let functions = functions();
    let dialect = Dialect { functions: &functions, left_to_right: false };
    assert!(parse_page(&nested(60), &dialect).is_ok());
    let wrong = parse_page(&nested(61), &dialect).expect_err("it is too deep");
    assert_eq!(wrong[0].title, "this expression is nested too deeply");
}

#[test]
fn unknown_function() {
    wrong(
        "Z = sofmax(X)\nY = foo(X)\ngoo(X) = goo(X)\nf(X) = f(X)\n",
        expect![[r#"
            error: there is no function `sofmax`
              ╭▸ net.eq:1:5
            1 │ Z = sofmax(X)
              │     ━━━━━━ not built in, not in the library and not defined above
              ╰ help: did you mean `softmax`?

            error: there is no function `foo`
              ╭▸ net.eq:2:5
            2 │ Y = foo(X)
              │     ━━━ not built in, not in the library and not defined above
              ╰ help: define `foo(…) = …` above; for a product with a value write `foo (…)`

            error: there is no function `goo`
              ╭▸ net.eq:3:10
            3 │ goo(X) = goo(X)
              │          ━━━ this is the function that is being defined
              ╰ help: a function cannot call itself: there is no recursion

            error: there is no function `f`
              ╭▸ net.eq:4:8
            4 │ f(X) = f(X)
              │        ━ this is the function that is being defined
              ╰ help: a function cannot call itself: there is no recursion"#]],
    );
}

#[test]
fn x_is_no_product() {
    wrong(
        "input A : n×n\nZ = A x A\nY = A × A\nW = A · A\n",
        expect![[r#"
        error: `x` is no sign for a product
          ╭▸ net.eq:2:7
        2 │ Z = A x A
          │       ━ stands for `×` in shapes only, and no value is named `x`
          ╰ help: write `A B` or `A * B` for the matrix product, `A ⊙ B` or `A .* B` for the element-wise one

        error: `×` does not belong here
          ╭▸ net.eq:3:7
        3 │ Y = A × A
          │       ━ the expression ends before this
          ╰ help: `×` belongs in shapes; a matrix product is written `A B` or `A * B`

        error: `·` does not belong here
          ╭▸ net.eq:4:7
        4 │ W = A · A
          │       ━ the expression ends before this
          ╰ help: `·` belongs in dimensions; a matrix product is written `A B` or `A * B`"#]],
    );
}

#[test]
fn ring_is_no_product() {
    wrong(
        "Z = A ∘ B\n",
        expect![[r#"
        error: `∘` begins an element-wise power, directly before it
          ╭▸ net.eq:1:7
        1 │ Z = A ∘ B
          │       ━ followed by a space
          ╰ help: write `A∘²` for the power, `A ⊙ B` or `A .* B` for the element-wise product"#]],
    );
}

#[test]
fn chained_tests() {
    wrong(
        "Z = A > B > C\n",
        expect![[r#"
        error: tests do not chain
          ╭▸ net.eq:1:7
        1 │ Z = A > B > C
          │       ┯   ━ second test
          │       │
          │       first test
          ╰ help: multiply the two: `(A > B) ⊙ (B > C)`"#]],
    );
}

#[test]
fn other_signs() {
    wrong(
        "Z = A <= B\nY = A @ B\nX = A $ B\nW = {A}\n",
        expect![[r#"
        error: `<=` is not part of the language
          ╭▸ net.eq:1:7
        1 │ Z = A <= B
          │       ━━ cannot be read
          ╰ help: write `B >= A` for `A <= B`

        error: `@` is not part of the language
          ╭▸ net.eq:2:7
        2 │ Y = A @ B
          │       ━ cannot be read
          ╰ help: the matrix product is written `A B` or `A * B`

        error: `$` is not part of the language
          ╭▸ net.eq:3:7
        3 │ X = A $ B
          ╰╴      ━ cannot be read

        error: `{` is not part of the language
          ╭▸ net.eq:4:5
        4 │ W = {A}
          │     ━ cannot be read
          ╰ help: brackets are `( )`, and `[ ]` for literals and indices"#]],
    );
}

#[test]
fn ragged() {
    wrong(
        "const C = [1 2; 3]\nconst D = []\n",
        expect![[r#"
        error: the rows of this literal differ in length
          ╭▸ net.eq:1:12
        1 │ const C = [1 2; 3]
          │            ┯━━  ━ this row has 1
          │            │
          │            the first row has 2
          ╰ help: every row needs as many numbers as the first

        error: this literal is empty
          ╭▸ net.eq:2:11
        2 │ const D = []
          │           ━━ no numbers
          ╰ help: write numbers, rows separated by `;`: `[1 2; 3 4]`"#]],
    );
}

#[test]
fn literal_of_names() {
    wrong(
        "Z = [A B]\nY = [1 - 2]\nX = A [1:2, :]\n",
        expect![[r#"
        error: a literal holds numbers only
          ╭▸ net.eq:1:5
        1 │ Z = [A B]
          │     ┯━ not a number
          │     │
          │     in this literal
          ╰ help: join values with `hcat(A, B)` and `vcat(A, B)`

        error: a literal holds numbers only
          ╭▸ net.eq:2:5
        2 │ Y = [1 - 2]
          │     ┯  ━ not a number
          │     │
          │     in this literal
          ╰ help: a sign stands directly before its number: `[1 -2]`

        error: a literal holds numbers only
          ╭▸ net.eq:3:7
        3 │ X = A [1:2, :]
          │       ┯ ━ not a number
          │       │
          │       in this literal
          ╰ help: an index directly follows its matrix, without a space: `A[1:2, :]`"#]],
    );
}

#[test]
fn index() {
    wrong(
        "Z = A[1]\nY = A[1:2, :, 3]\nX = A[1:n+1, :]\n",
        expect![[r#"
            error: an index names rows and columns
              ╭▸ net.eq:1:6
            1 │ Z = A[1]
              │      ━━━ this names one of them
              ╰ help: write `A[rows, :]` or `A[:, columns]`

            error: expected `]`, found `,`
              ╭▸ net.eq:2:13
            2 │ Y = A[1:2, :, 3]
              │             ━ not expected here
              ╰ help: a matrix has two indices, rows and columns

            error: `+` cannot be part of a dimension
              ╭▸ net.eq:3:10
            3 │ X = A[1:n+1, :]
              │          ━ not a whole number, symbol or product
              ╰ help: a dimension is a whole number, a symbol or a product: `4`, `B`, `B·T`"#]],
    );
}

#[test]
fn call() {
    wrong(
        "Z = max(A B\n  , C D E; 3)\nY = max(A,,B)\n",
        expect![[r#"
        error: expected an operator, `,` or `)`, found `;`
          ╭▸ net.eq:1:8
        1 │ Z = max(A B
          │        ━ in the arguments of `max`
        2 │   , C D E; 3)
          ╰╴         ━ not expected here

        error: expected an expression, found `,`
          ╭▸ net.eq:3:11
        3 │ Y = max(A,,B)
          ╰╴          ━ not expected here"#]],
    );
}

#[test]
fn numbers() {
    wrong(
        "Z = 1.2.3\nY = 1e999\n",
        expect![[r#"
        error: this number has two decimal points
          ╭▸ net.eq:1:5
        1 │ Z = 1.2.3
          ╰╴    ━━━━━ not a number

        error: this number is too large
          ╭▸ net.eq:2:5
        2 │ Y = 1e999
          ╰╴    ━━━━━ the largest number is about 1.8e308"#]],
    );
}

#[test]
fn expression_only() {
    wrong_expr(
        "X + 1\nY + 2\n",
        expect![[r#"
        error: a second line follows the expression
          ╭▸ net.eq:1:5
        1 │ X + 1
          │     ━ the expression ends here
        2 │ Y + 2
          │ ━ this line
          ╰ help: end a line that goes on with an operator or an open bracket"#]],
    );
}

#[test]
fn expression_missing() {
    wrong_expr(
        "  # nothing\n",
        expect![[r#"
        error: an expression is missing at the end of the line
          ╭▸ net.eq:1:13
        1 │   # nothing
          ╰╴           ━ it belongs here"#]],
    );
}

#[test]
fn control_in_expression() {
    wrong_expr(
        "X + if\n",
        expect![[r#"
        error: there is no control flow: `if` has no meaning here
          ╭▸ net.eq:1:5
        1 │ X + if
          │     ━━ a page is a list of equations
          ╰ help: choose element by element with `max`, `min`, `clamp` or a test: `(A > 0) ⊙ B`"#]],
    );
}
