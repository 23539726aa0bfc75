//! Derivations as they are printed.

use expect_test::{Expect, expect};
use matgrad_calculus::derive;
use matgrad_expr::elaborate::read;
use matgrad_library::standard;

fn shows(page: &str, expected: Expect) {
    let equations = read("page.eq", page, standard()).unwrap_or_else(|e| panic!("{e}"));
    let wrt = equations.parameters();
    let objective = equations.objective.expect("the page has an objective");
    let gradients = derive(&equations.graph, objective, &wrt).expect("it derives");
    expected.assert_eq(&gradients.to_string());
}

#[test]
fn softmax_regression() {
    shows(
        "input X : B×4\ntarget Y : B×3\nparam W : 4×3 ~ glorot\nparam b : 1×3 = 0\nZ = X W + b\nL = cross_entropy(Z, Y)\nminimize L",
        expect![[r#"
            ∂Z = (softmax(Z) - Y) / B         B×3
            ∂W = Xᵀ ∂Z                        4×3
            ∂b = 𝟏ᵀ ∂Z                        1×3
        "#]],
    );
}

#[test]
fn numbers_in_front_of_products_meet() {
    for (objective, expected) in [
        (
            "2 * (c * (xᵀ (3 x)))",
            expect![[r#"
            ∂c = 2 xᵀ * (3 x)         1×1
            ∂x = 12 c x               n×1
        "#]],
        ),
        (
            "c * (xᵀ x) / 2",
            expect![[r#"
            ∂c = 0.5 xᵀ x         1×1
            ∂x = c x              n×1
        "#]],
        ),
        (
            "exp(-(xᵀ x) / 2)",
            expect![[r#"
            ∂x = -exp(-xᵀ x / 2) x         n×1
            ∂c = 0                         1×1
        "#]],
        ),
        (
            "4 * mse(x, c) / 2",
            expect![[r#"
            ∂x = 4 (x - c) / n             n×1
            ∂c = -4 sum(x - c) / n         1×1
        "#]],
        ),
        (
            "xᵀ diag(x) x",
            expect![[r#"
            ∂x = 2 diag(x) x + diag(x xᵀ)         n×1
            ∂c = 0                                1×1
        "#]],
        ),
    ] {
        shows(&format!("param c : 1×1\nparam x : n×1\nminimize {objective}"), expected);
    }
    // A value with a name stays where it is.
    shows(
        "param x : n×1\nλ = 0.5\nz = 3 x\nminimize 2 * (λ * sum((2 z) .^ 2))",
        expect![[r#"
        ∂z = 8 z          n×1
        ∂x = 3 ∂z         n×1
    "#]],
    );
}

#[test]
fn linear_regression() {
    shows(
        "input X : m×n\ntarget y : m×1\nparam w : n×1\nminimize sum((X w - y) .^ 2)",
        expect![[r#"
            ∂w = 2 Xᵀ (X w - y)         n×1
        "#]],
    );
}

#[test]
fn logistic_regression() {
    shows(
        "input X : B×n\ntarget y : B×1\nparam w : n×1\nparam b : 1×1\nz = X w + b\nminimize binary_cross_entropy(z, y)",
        expect![[r#"
            ∂z = (sigmoid(z) - y) / B         B×1
            ∂w = Xᵀ ∂z                        n×1
            ∂b = sum(∂z)                      1×1
        "#]],
    );
}

#[test]
fn two_layers_with_sigmoid_and_half_squared_error() {
    shows(
        "input X : B×n\ntarget Y : B×p\nparam W1 : n×m\nparam b1 : 1×m\nparam W2 : m×p\nparam b2 : 1×p\nZ1 = X W1 + b1\nA1 = sigmoid(Z1)\nZ2 = A1 W2 + b2\nA2 = sigmoid(Z2)\nL = half_sse(A2, Y)\nminimize L",
        expect![[r#"
            ∂A₂ = (A₂ - Y) / B                B×p
            ∂Z₂ = ∂A₂ ⊙ A₂ ⊙ (1 - A₂)         B×p
            ∂A₁ = ∂Z₂ W₂ᵀ                     B×m
            ∂Z₁ = ∂A₁ ⊙ A₁ ⊙ (1 - A₁)         B×m
            ∂W₁ = Xᵀ ∂Z₁                      n×m
            ∂b₁ = 𝟏ᵀ ∂Z₁                      1×m
            ∂W₂ = A₁ᵀ ∂Z₂                     m×p
            ∂b₂ = 𝟏ᵀ ∂Z₂                      1×p
        "#]],
    );
}

#[test]
fn deep_tanh_with_cross_entropy() {
    shows(
        "input X : B×n\ntarget Y : B×p\nparam W1 : n×m\nparam W2 : m×m\nparam W3 : m×p\nA1 = tanh(X W1)\nA2 = tanh(A1 W2)\nZ = A2 W3\nminimize cross_entropy(Z, Y)",
        expect![[r#"
            ∂Z = (softmax(Z) - Y) / B            B×p
            ∂A₂ = ∂Z W₃ᵀ                         B×m
            ∂A₁ = (∂A₂ ⊙ (1 - A₂∘²)) W₂ᵀ         B×m
            ∂W₁ = Xᵀ (∂A₁ ⊙ (1 - A₁∘²))          n×m
            ∂W₂ = A₁ᵀ (∂A₂ ⊙ (1 - A₂∘²))         m×m
            ∂W₃ = A₂ᵀ ∂Z                         m×p
        "#]],
    );
}

#[test]
fn autoencoder_with_tied_weights() {
    shows(
        "input X : B×n\nparam W : n×m\nH = sigmoid(X W)\nR = H Wᵀ\nminimize mse(R, X)",
        expect![[r#"
            ∂R = 2 (R - X) / (B n)                     B×n
            ∂H = ∂R W                                  B×m
            ∂W = Xᵀ (∂H ⊙ H ⊙ (1 - H)) + ∂Rᵀ H         n×m
        "#]],
    );
}

#[test]
fn layer_normalisation() {
    shows(
        "input X : B×k\ntarget Y : B×n\nparam W : k×n\nparam g : 1×n\nparam b : 1×n\nZ = X W\nD = Z - rowmean(Z)\ns = sqrt(rowmean(D .^ 2) + 1e-5)\nN = D ⊘ s\nminimize mse(N ⊙ g + b, Y)",
        expect![[r#"
            ∂N = 2 ((N ⊙ g + b - Y) ⊙ g) / (B n)            B×n
            ∂s = -rowsum(∂N ⊙ N ⊘ s)                        B×1
            ∂D = ∂N ⊘ s + 2 (∂s ⊘ (2 s) / n ⊙ D)            B×n
            ∂Z = ∂D - rowsum(∂D) / n                        B×n
            ∂W = Xᵀ ∂Z                                      k×n
            ∂g = 2 𝟏ᵀ ((N ⊙ g + b - Y) ⊙ N) / (B n)         1×n
            ∂b = 2 𝟏ᵀ (N ⊙ g + b - Y) / (B n)               1×n
        "#]],
    );
}

#[test]
fn residual_block() {
    shows(
        "input X : B×n\ntarget Y : B×n\nparam W : n×n\nparam V : n×n\nH = X V\nA = relu(H W)\nR = H + A\nminimize mse(R, Y)",
        expect![[r#"
            ∂R = 2 (R - Y) / (B n)                B×n
            ∂H = ∂R + (∂R ⊙ (H W > 0)) Wᵀ         B×n
            ∂V = Xᵀ ∂H                            n×n
            ∂W = Hᵀ (∂R ⊙ (H W > 0))              n×n
        "#]],
    );
}

#[test]
fn a_number_is_not_written_by_the_name_of_a_gradient() {
    shows(
        "input X : B×3\nparam W : 3×4\nZ = (X W)∘²\nminimize sum(Z)",
        expect![[r#"
        ∂W = 2 Xᵀ (X W)         3×4
    "#]],
    );
    shows(
        "param A : 3×4\nparam b : 1×1\nz = sum(A)\nZ = A∘³\nminimize 3 z + sum(3 Z) + b^3",
        expect![[r#"
            ∂Z = 3 ones(3, 4)         3×4
            ∂A = 3 + 9 A∘²            3×4
            ∂b = 3 b²                 1×1
        "#]],
    );
}

#[test]
fn each_gradient_uses_only_those_before_it() {
    shows(
        "param A : 3×4\nparam r : 1×4\nZ = sum(r + A)\nminimize Z .^ 2",
        expect![[r#"
        ∂Z = 2 Z                   1×1
        ∂A = ∂Z ones(3, 4)         3×4
        ∂r = 𝟏ᵀ ∂A                 1×4
    "#]],
    );
}

#[test]
fn what_is_a_gradient_and_stands_on_the_page_has_no_gradient_of_that_name() {
    shows(
        "param A : 3×4\nparam s : 1×1\nZ = ((s ^ 2 A / s / s) ⊙ sigmoid(s))ᵀ\nminimize sum(Z)",
        expect![[r#"
            ∂A = sigmoid(s) ones(3, 4)         3×4
            ∂s = 2 s sigmoid(s) sum(A) / s² - sum(sigmoid(s) (s² A / s / s) / s + sigmoid(s) A / s) + sigmoid(s) sum(A) * (1 - sigmoid(s))         1×1
        "#]],
    );
}

#[test]
fn the_gradient_of_a_slice_says_where_it_is() {
    let slice = |rows: &str, cols: &str| {
        format!("param A : 4×3\nZ = A[{rows}, {cols}]\nminimize sum(Z ⊙ Z)")
    };
    shows(
        &slice("1:2", ":"),
        expect![[r#"
        ∂Z = 2 Z                            2×3
        ∂A = vcat(∂Z, 0 ones(2, 3))         4×3
    "#]],
    );
    shows(
        &slice("2:3", ":"),
        expect![[r#"
        ∂Z = 2 Z                                                2×3
        ∂A = vcat(vcat(0 ones(1, 3), ∂Z), 0 ones(1, 3))         4×3
    "#]],
    );
    shows(
        &slice(":", "3:3"),
        expect![[r#"
        ∂Z = 2 Z                            4×1
        ∂A = hcat(0 ones(4, 2), ∂Z)         4×3
    "#]],
    );
    shows(
        "param A : 2·B×3\nZ = A[1:B, :]\nminimize sum(Z ⊙ Z)",
        expect![[r#"
        ∂Z = 2 Z                            B×3
        ∂A = vcat(∂Z, 0 ones(B, 3))         2·B×3
    "#]],
    );
    shows(
        "param A : B×3\nZ = A[2:3, :]\nminimize sum(Z ⊙ Z)",
        expect![[r#"
            ∂Z = 2 Z                             2×3
            ∂A = place(∂Z, B×3, row = 2)         B×3
        "#]],
    );
    let written = "param Z : 2×3\nA = vcat(vcat(0 ones(1, 3), 2 Z), 0 ones(1, 3))\nminimize sum(A)";
    shows(
        written,
        expect![[r#"
        ∂A = ones(4, 3)                   4×3
        ∂Z = 2 ∂A[1:3, :][2:3, :]         2×3
    "#]],
    );
    let wrong = read("page.eq", "param Z : 2×3\nminimize sum(place(Z))", standard());
    expect![[r#"
        error: place takes a matrix, a shape and a place
          ╭▸ page.eq:2:14
        2 │ minimize sum(place(Z))
          │              ━━━━━━━━ here
          ╰ help: write `place(A, m×n, row = 3)` or `place(A, m×n, column = 3)`"#]]
    .assert_eq(&wrong.expect_err("it has no place").to_string());
}

#[test]
fn ridge() {
    shows(
        "input X : m×n\ntarget y : m×1\nconst c : 1×1\nparam w : n×1\nminimize norm2(X w - y)^2 + c norm2(w)^2",
        expect![[r#"
            ∂w = 2 Xᵀ (X w - y) + 2 c w         n×1
        "#]],
    );
}

#[test]
fn gaussian_log_likelihood() {
    shows(
        "input X : m×n\nparam S : n×n\nminimize m / 2 logdet(S) + 0.5 tr(X inv(S) Xᵀ)",
        expect![[r#"
            ∂S = m S⁻¹ᵀ / 2 - 0.5 S⁻¹ᵀ (Xᵀ X) S⁻¹ᵀ         n×n
        "#]],
    );
}

#[test]
fn what_is_derived_by_is_not_rewritten_away() {
    let page = "input X : B×4\ntarget Y : B×3\nparam W : 4×3\nP = softmax(X W)\nS = log(P)\n\
                T = 2 S\nL = -sum(T ⊙ Y)\nminimize L";
    let equations = read("page.eq", page, standard()).unwrap_or_else(|e| panic!("{e}"));
    let objective = equations.objective.expect("the page has an objective");
    for (name, expected) in [
        (
            "P",
            expect![[r#"
            ∂T = -Y             B×3
            ∂S = 2 ∂T           B×3
            ∂P = ∂S ⊘ P         B×3
        "#]],
        ),
        (
            "S",
            expect![[r#"
            ∂T = -Y           B×3
            ∂S = 2 ∂T         B×3
        "#]],
        ),
        (
            "T",
            expect![[r#"
            ∂T = -Y         B×3
        "#]],
        ),
        (
            "L",
            expect![[r#"
            ∂L = 1         1×1
        "#]],
        ),
    ] {
        let node = equations.graph.find(name).expect("a name of the page");
        let gradients = derive(&equations.graph, objective, &[node]).expect("it derives");
        expected.assert_eq(&gradients.to_string());
    }
}

#[test]
fn probabilities_by_hand_are_made_stable() {
    shows(
        "input X : B×n\ntarget Y : B×p\nparam W : n×p\nP = softmax(X W)\nminimize -sum(Y ⊙ log(P)) / B",
        expect![[r#"
            ∂W = Xᵀ (rowsum(Y) / B ⊙ P - Y / B)         n×p
        "#]],
    );
}

#[test]
fn cost_beside_that_of_explicit_jacobians() {
    let page = "input X : B×784\ntarget Y : B×10\nparam W₁ : 784×128\nparam W₂ : 128×10\n\
                Z₁ = X W₁\nA₁ = relu(Z₁)\nZ₂ = A₁ W₂\nL = cross_entropy(Z₂, Y)\nminimize L\n";
    let equations = read("page.eq", page, standard()).unwrap_or_else(|e| panic!("{e}"));
    let objective = equations.objective.expect("an objective");
    let parameters = equations.parameters();
    let derived = derive(&equations.graph, objective, &parameters).expect("it derives");
    expect![[r#"
        equation   operations   bytes             explicit Jacobian    its operations
        Z₁         200704·B     3648·B + 401408
        A₁         128·B        1024·B
        Z₂         2560·B       552·B + 5120
        L          66·B + 1     80·B + 4
        ∂Z₂        81·B         120·B             10·B entries         20·B
        ∂A₁        2560·B       552·B + 5120      1280·B·B entries     2560·B·B
        ∂Z₁        256·B        1536·B            16384·B·B entries    32768·B·B
        ∂W₁        200704·B     3648·B + 401408   12845056·B entries   25690112·B
        ∂W₂        2560·B       552·B + 5120      12800·B entries      25600·B
    "#]]
    .assert_eq(&matgrad_calculus::cost::cost(&derived, &equations.definitions).to_string());
}

#[test]
fn functions_are_printed_by_their_names() {
    shows(
        "input X : m×n\ntarget Y : m×k\nparam W : n×k\nE = X W - Y\nD = E - colmean(E)\nminimize norm(D) + mean(clamp(E, -1, 1)) + norm(W)^2",
        expect![[r#"
            ∂D = D / norm(D)                                         m×k
            ∂E = ∂D - 𝟏ᵀ ∂D / m + (E > -1) ⊙ (1 > E) / (m k)         m×k
            ∂W = Xᵀ ∂E + 2 W                                         n×k
        "#]],
    );
}

#[test]
fn a_function_sees_what_is_defined_above_it() {
    // `g` reaches the values that `f` uses.
    shows(
        "input X : B×3\nparam W : 3×2\nf(X) = X W\ng(X) = f(X) + 1\nminimize sum(g(X))",
        expect![[r#"
            ∂W = Xᵀ ones(B, 2)         3×2
        "#]],
    );
    // The page's own functions are none of the library's and none of the adjoints'.
    shows(
        "input X : B×3\ntarget Y : B×2\nparam W : 3×2\nrowsum(A) = 7 A\nsoftmax(A) = 9 A\n\
         minimize cross_entropy(softmax(X W), Y)",
        expect![[r#"
            ∂W = 9 Xᵀ (builtin_softmax(9 X W) - Y) / B         3×2
        "#]],
    );
    shows(
        "param A : 3×2\nsum(A) = 7 A\nminimize norm(sum(A))",
        expect![[r#"
            ∂A = 49 A / norm(7 A)         3×2
        "#]],
    );
}

#[test]
fn numbers_become_one_where_a_decimal_is_exact() {
    let page = |objective: &str| format!("param x : n×1\nparam c : 1×1\nminimize {objective}");
    shows(
        &page("0.1 (3 (x' x)) + sqrt(2) sum(x) / 3 + exp(2) c"),
        expect![[r#"
        ∂x = 0.6 x + sqrt(2) / 3         n×1
        ∂c = exp(2)                      1×1
    "#]],
    );
    shows(
        &page("sum(x .^ c) + sum(x .^ (c - 1)) + sum(x .^ (1 / 3))"),
        expect![[r#"
        ∂c = sum(x∘ᶜ ⊙ log(x)) + sum(x∘(c - 1) ⊙ log(x))                 1×1
        ∂x = c x∘(c - 1) + (c - 1) x∘(c - 2) + x∘(1 / 3 - 1) / 3         n×1
    "#]],
    );
}

#[test]
fn a_convolution_in_one_group_is_a_product() {
    let gradients = |lines: &str| {
        let page = format!("input X : B×36\n{lines}\nminimize norm(C)");
        let equations = read("page.eq", &page, standard()).unwrap_or_else(|e| panic!("{e}"));
        let (objective, wrt) = (equations.objective.expect("one"), equations.parameters());
        derive(&equations.graph, objective, &wrt).expect("it derives").to_string()
    };
    let by_hand = gradients(
        "param K₁ : 12×5\nparam b₁ : 1×5\nU₁ = unfold(X, 4×3×3, 2×2)\nZ₁ = U₁ K₁ + b₁\n\
         C = reshape(Z₁, rows = B)",
    );
    assert_eq!(gradients("C = conv2d(X, 4×3×3, 2×2, 5)"), by_hand);
    assert_eq!(gradients("C = conv2d(X, 4×3×3, 2×2, 5, groups 1)"), by_hand);
}

#[test]
fn the_place_of_a_slice_is_read_back() {
    let derived = |page: &str| {
        let equations = read("page.eq", page, standard()).unwrap_or_else(|e| panic!("{e}"));
        let (objective, wrt) = (equations.objective.expect("one"), equations.parameters());
        derive(&equations.graph, objective, &wrt).expect("it derives")
    };
    let mut said = String::new();
    for (page, of) in [
        ("param A : m×n\nZ = A[2:3, :]\nminimize norm(Z)", "A"),
        ("param A : m×n\nZ = A[:, 1:m]\nminimize norm(Z)", "A"),
        ("param A : m×n\nparam C : m×n\nZ = hcat(A, C)\nminimize norm(Z)", "C"),
    ] {
        let first = derived(page);
        let text = first.to_string();
        let line = text.lines().find_map(|l| l.strip_prefix(&format!("∂{of} = "))).expect("there");
        let equation = line.split("   ").next().expect("an equation");
        said += &format!("{equation}\n");
        // As a line of the page, it is the gradient: the same node.
        let again =
            page.replace("minimize", &format!("∂Z = Z / norm(Z)\nG = {equation}\nminimize"));
        let again = read("page.eq", &again, standard()).unwrap_or_else(|e| panic!("{e}"));
        let written = again.graph.find("G").expect("it is there");
        assert_eq!(matgrad_expr::print::unicode(&again.graph, written), equation);
    }
    expect![[r#"
        place(∂Z, m×n, row = 2)
        place(∂Z, m×n, column = 1)
        ∂Z[:, n+1:2·n]
    "#]]
    .assert_eq(&said);
}
