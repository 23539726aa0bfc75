//! What texts mean, seen through their canonical form.

use expect_test::{Expect, expect};

use super::functions;
use crate::syntax::{Dialect, Expr, parse_expr, parse_page, print_page};

fn parsed(source: &str, left_to_right: bool) -> Expr {
    let functions = functions();
    let dialect = Dialect { functions: &functions, left_to_right };
    match parse_expr(source, &dialect) {
        Ok(expr) => expr,
        Err(wrong) => panic!("{source}: {wrong:?}"),
    }
}

/// Both texts are one expression, and the second is how it prints.
fn reads(source: &str, canonical: &str) {
    let expr = parsed(source, true);
    assert_eq!(expr.to_string(), canonical);
    assert_eq!(parsed(canonical, true), expr, "{source}");
}

fn page(source: &str, unicode: Expect, ascii: Expect) {
    let functions = functions();
    let dialect = Dialect { functions: &functions, left_to_right: false };
    let page = parse_page(source, &dialect).expect("the page is right");
    unicode.assert_eq(&page.to_string());
    ascii.assert_eq(&print_page(&page, true));
}

#[test]
fn precedence() {
    reads("-A B", "-A B");
    assert_eq!(parsed("-A B", true), parsed("-(A B)", true));
    assert_eq!(parsed("A B / s", true), parsed("(A B) / s", true));
    assert_eq!(parsed("A / 2 B", true), parsed("(A / 2) B", true));
    assert_eq!(parsed("-2^2", true), parsed("-(2²)", true));
    assert_eq!(parsed("A' B² - C > D", true), parsed("((Aᵀ (B²)) - C) > D", true));
    reads("2^-1", "2^-1");
    reads("s^(-2)", "s⁻²");
    reads("s^-2'", "(s⁻²)ᵀ");
    reads("A⁻ᵀ", "A⁻¹ᵀ");
    reads("inv(A)'", "A⁻¹ᵀ");
    reads("A .^ p + B∘² + C∘0.5", "A∘ᵖ + B∘² + C∘0.5");
    reads("A - (B - C) - D", "A - (B - C) - D");
    reads("(A * B) * C", "A B C");
    reads("A * (B * C)", "A (B C)");
    reads("A * -B", "A (-B)");
    reads("eta_minus", "η⁻");
    reads("(eta_minus)^2", "(η⁻)²");
    reads("ones' b + eye A + I", "𝟏ᵀ b + I A + I");
    reads("ones(p, q) + eye(n)", "ones(p, q) + eye(n)");
    reads("1e-3 + .5 + 100000000000000000", "0.001 + 0.5 + 1e17");
}

#[test]
fn products_and_element_wise_products() {
    reads("2 A .* B", "2 A ⊙ B");
    reads("a*X.*Y", "(a X) ⊙ Y");
    reads("X.*Y*a", "(X ⊙ Y) a");
    reads("A ./ B / 2", "A ⊘ B / 2");
    assert_eq!(parsed("-2 A ⊙ B", false), parsed("-((2 A) ⊙ B)", false));
}

#[test]
fn expressions_in_the_manner_of_matrixcalculus() {
    reads("norm2(X*w - y)^2 + c*norm2(w)^2", "norm₂(X w - y)² + c norm₂(w)²");
    reads("x'*A*x + c*sin(y)'*x", "xᵀ A x + c sin(y)ᵀ x");
    reads("exp(-x.*y)./(1+exp(x))", "exp(-x ⊙ y) ⊘ (1 + exp(x))");
    reads("tr(A*X'*B*X*C)+logdet(inv(X))", "tr(A Xᵀ B X C) + logdet(X⁻¹)");
    reads("norm1(A*x-y) + A(B)", "norm₁(A x - y) + A B");
}

#[test]
fn arguments() {
    reads("reshape(A, m x n)", "reshape(A, m×n)");
    reads("unfold(X, 28x28x1, k x k, stride 2, pad p)", "unfold(X, 28×28×1, k×k, stride 2, pad p)");
    reads("reshape(A, B*T x H·W)", "reshape(A, B·T×H·W)");
    reads("max(A x, B)", "max(A x, B)");
    reads("leaky_relu(Z, alpha = 0.2)", "leaky_relu(Z, α = 0.2)");
    reads("W_1[1:2, :] + W[:, n]", "W₁[1:2, :] + W[:, n]");
    reads("[1 -2, 3; 4 5 6]", "[1 -2 3; 4 5 6]");
    reads("[1 2\n 3 4]", "[1 2; 3 4]");
    reads("A [1 2]'", "A [1 2]ᵀ");
    let expr = parsed("(A + B) C", true);
    assert_eq!((expr.span.start, expr.span.end), (0, 9));
}

#[test]
fn a_network() {
    page(
        "\n\n# logistic.eq: softmax regression\n\ninput  X : B×4      # B is symbolic\ntarget Y : Bx3\nparam  W : 4 x 3 ~ glorot\nparam  b : 1×3 = 0\nparam v : n*m x 1 ~ uniform(-1, 1)\nconst C = [0 1 1; 5 0 1]\n\n\n\nZ_1 = X*W +\n  b  # logits\nL = sum(Z1)\nminimize L\n\n# the end\n\n",
        expect![[r#"
            # logistic.eq: softmax regression

            input X : B×4  # B is symbolic
            target Y : B×3
            param W : 4×3 ~ glorot
            param b : 1×3 = 0
            param v : n·m×1 ~ uniform(-1, 1)
            const C = [0 1 1; 5 0 1]

            Z₁ = X W + b  # logits
            L = sum(Z₁)
            minimize L

            # the end
        "#]],
        expect![[r#"
            # logistic.eq: softmax regression

            input X : B x 4  # B is symbolic
            target Y : B x 3
            param W : 4 x 3 ~ glorot
            param b : 1 x 3 = 0
            param v : n*m x 1 ~ uniform(-1, 1)
            const C = [0 1 1; 5 0 1]

            Z_1 = X * W + b  # logits
            L = sum(Z_1)
            minimize L

            # the end
        "#]],
    );
}

#[test]
fn functions_and_layers() {
    page(
        "softmax(Z) = E ⊘ rowsum(E)   # stable\n  # rows are shifted\n  where E = exp(Z - M)\n    M = rowmax(Z)   # the largest\n  adjoint P: ∂Z = P ⊙ (∂P - rowsum(∂P ⊙ P))\nleaky(X, alpha = 0.01) = max(X, alpha X)\nlayer dense(X: B×n, m) = gate(X W) + b\n  param W : n×m ~ glorot\n  param b : 1×m = 0\n  where gate = 2\n  surrogate Z: ∂X = leaky(X, alpha = 0.2), d_m = 0\n",
        expect![[r#"
            # rows are shifted
            # the largest
            softmax(Z) = E ⊘ rowsum(E)  # stable
              where E = exp(Z - M)
              where M = rowmax(Z)
              adjoint P: ∂Z = P ⊙ (∂P - rowsum(∂P ⊙ P))
            leaky(X, α = 0.01) = max(X, α X)
            layer dense(X: B×n, m) = gate (X W) + b
              param W : n×m ~ glorot
              param b : 1×m = 0
              where gate = 2
              surrogate Z: ∂X = leaky(X, α = 0.2)
              surrogate Z: ∂m = 0
        "#]],
        expect![[r#"
            # rows are shifted
            # the largest
            softmax(Z) = E ./ rowsum(E)  # stable
              where E = exp(Z - M)
              where M = rowmax(Z)
              adjoint P: d_Z = P .* (d_P - rowsum(d_P .* P))
            leaky(X, alpha = 0.01) = max(X, alpha * X)
            layer dense(X: B x n, m) = gate * (X * W) + b
              param W : n x m ~ glorot
              param b : 1 x m = 0
              where gate = 2
              surrogate Z: d_X = leaky(X, alpha = 0.2)
              surrogate Z: d_m = 0
        "#]],
    );
}

#[test]
fn optimizers() {
    page(
        "optimizer rprop(η⁺ = 1.2, η⁻ = 0.5, Δ₀ = 0.1, Δmin = 1e-6, Δmax = 50)   # Riedmiller & Braun 1993\n  state U = Δ₀, M = 0               # update matrix U, meta-gradient matrix M\n  D ← sign(G ⊙ M)                   # decision matrix\n  U <- clamp(U ⊙ (1 + (η⁺ - 1) max(D, 0) - (1 - η⁻) max(-D, 0)), Δmin, Δmax)\n  M ← G ⊙ (1 - max(-D, 0))\n  W ← W - U ⊙ sign(M)\n",
        expect![[r#"
            optimizer rprop(η⁺ = 1.2, η⁻ = 0.5, Δ₀ = 0.1, Δmin = 1e-6, Δmax = 50)  # Riedmiller & Braun 1993
              state U = Δ₀, M = 0  # update matrix U, meta-gradient matrix M
              D ← sign(G ⊙ M)  # decision matrix
              U ← clamp(U ⊙ (1 + (η⁺ - 1) max(D, 0) - (1 - η⁻) max(-D, 0)), Δmin, Δmax)
              M ← G ⊙ (1 - max(-D, 0))
              W ← W - U ⊙ sign(M)
        "#]],
        expect![[r#"
            optimizer rprop(eta_plus = 1.2, eta_minus = 0.5, Delta0 = 0.1, Delta_min = 1e-6, Delta_max = 50)  # Riedmiller & Braun 1993
              state U = Delta0, M = 0  # update matrix U, meta-gradient matrix M
              D <- sign(G .* M)  # decision matrix
              U <- clamp(U .* (1 + (eta_plus - 1) * max(D, 0) - (1 - eta_minus) * max(-D, 0)), Delta_min, Delta_max)
              M <- G .* (1 - max(-D, 0))
              W <- W - U .* sign(M)
        "#]],
    );
}

#[test]
fn functions_defined_above_can_be_called() {
    page(
        "  scale(X) = 2 X\n  gain = 3\n  Z = scale(gain(1 + 2))\n  Y = f(X)\n",
        expect![[r#"
            scale(X) = 2 X
            gain = 3
            Z = scale(gain * (1 + 2))
            Y = f X
        "#]],
        expect![[r#"
            scale(X) = 2 * X
            gain = 3
            Z = scale(gain * (1 + 2))
            Y = f * X
        "#]],
    );
}
