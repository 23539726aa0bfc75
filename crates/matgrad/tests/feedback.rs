//! Learning without weight transport: B stands where Wᵀ stood, and it learns.

use matgrad::calculus::derive;
use matgrad::expr::matrix::Matrix;
use matgrad::{FitOptions, Network, UpdateRule};

const ALIGNED: &str = "input X : n×2\ntarget Y : n×2\nparam W₁ : 2×8 ~ glorot\n\
    param b₁ : 1×8 = 0\nparam W₂ : 8×2 ~ glorot\nconst B₂ : 8×2 ~ normal(0, 1)\n\
    A₁ = tanh(X W₁ + b₁)\nZ₂ = feedback(A₁, W₂, B₂)\nL = cross_entropy(Z₂, Y)\nminimize L\n";

fn read(page: &str) -> Network {
    Network::parse("page", page).unwrap_or_else(|e| panic!("{e}"))
}

fn derived(network: &Network) -> String {
    let equations = &network.equations;
    let parameters = equations.parameters();
    let found = derive(&equations.graph, network.objective, &parameters);
    let found = found.unwrap_or_else(|e| panic!("{e}"));
    assert!(!found.surrogates.is_empty());
    found.to_string()
}

#[test]
fn random_matrices_stand_where_the_weights_stood() {
    expect_test::expect![[r#"
        ∂Z₂ = (softmax(Z₂) - Y) / n         n×2
        ∂A₁ = ∂Z₂ B₂ᵀ                       n×8
        ∂W₁ = Xᵀ (∂A₁ ⊙ (1 - A₁∘²))         2×8
        ∂b₁ = 𝟏ᵀ (∂A₁ ⊙ (1 - A₁∘²))         1×8
        ∂W₂ = A₁ᵀ ∂Z₂                       8×2
    "#]]
    .assert_eq(&derived(&read(ALIGNED)));
    let direct = include_str!("../../../examples/direct-feedback.eq");
    expect_test::expect![[r#"
        ∂E = (softmax(E) - Y) / n         n×10
        ∂W₃ = stop(A₂)ᵀ ∂E                100×10
        ∂b₃ = 𝟏ᵀ ∂E                       1×10
        ∂A₂ = ∂E B₂ᵀ                      n×100
        ∂Z₂ = ∂A₂ ⊙ (1 - A₂∘²)            n×100
        ∂A₁ = ∂E B₁ᵀ                      n×200
        ∂Z₁ = ∂A₁ ⊙ (1 - A₁∘²)            n×200
        ∂W₁ = Xᵀ ∂Z₁                      784×200
        ∂b₁ = 𝟏ᵀ ∂Z₁                      1×200
        ∂W₂ = stop(A₁)ᵀ ∂Z₂               200×100
        ∂b₂ = 𝟏ᵀ ∂Z₂                      1×100
    "#]]
    .assert_eq(&derived(&read(direct)));
}

/// The exclusive or, which no single product can tell.
#[test]
fn feedback_alignment_learns_what_needs_a_hidden_layer() {
    let network = read(ALIGNED);
    let x = Matrix::new(4, 2, vec![-1.0, -1.0, -1.0, 1.0, 1.0, -1.0, 1.0, 1.0]);
    let y = Matrix::new(4, 2, vec![1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0]);
    let rule = UpdateRule::named("adam").expect("in the library");
    let settings = vec![("lr".into(), 0.05)];
    let options = FitOptions { settings, epochs: 400, ..FitOptions::new(rule) };
    let start = network.initial(1).expect("drawn");
    let fit = network.fit(&start, (&x, &y), None, &options).unwrap_or_else(|e| panic!("{e}"));
    let last = fit.last().expect("epochs").expect("it trains").train_loss;
    // To tell no row from the others costs log 2 = 0.69.
    assert!(last < 0.05, "{last}");
}
