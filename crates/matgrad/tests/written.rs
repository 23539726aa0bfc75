//! The forms of a derivation as they are written.

use expect_test::expect;
use matgrad::forms::{differential, index};

use crate::forms::{LAYOUT, PAGES, derived};

#[test]
fn the_index_form_of_two_layers() {
    expect![[r#"
        Z¹ᵢⱼ = Σₖ Xᵢₖ W¹ₖⱼ + b¹ⱼ            i = 1…B, j = 1…m, k = 1…n
        A¹ᵢⱼ = sigmoid(Z¹ᵢⱼ)                i = 1…B, j = 1…m
        Z²ᵢⱼ = Σₖ A¹ᵢₖ W²ₖⱼ + b²ⱼ           i = 1…B, j = 1…p, k = 1…m
        A²ᵢⱼ = sigmoid(Z²ᵢⱼ)                i = 1…B, j = 1…p
        L = (Σₖ Σₗ (A²ₖₗ - Yₖₗ)²) / (2·B)   k = 1…B, l = 1…p

        ∂A²ᵢⱼ = (A²ᵢⱼ - Yᵢⱼ) / B            i = 1…B, j = 1…p
        ∂Z²ᵢⱼ = ∂A²ᵢⱼ A²ᵢⱼ (1 - A²ᵢⱼ)       i = 1…B, j = 1…p
        ∂A¹ᵢⱼ = Σₖ ∂Z²ᵢₖ W²ⱼₖ               i = 1…B, j = 1…m, k = 1…p
        ∂Z¹ᵢⱼ = ∂A¹ᵢⱼ A¹ᵢⱼ (1 - A¹ᵢⱼ)       i = 1…B, j = 1…m
        ∂W¹ᵢⱼ = Σₖ Xₖᵢ ∂Z¹ₖⱼ                i = 1…n, j = 1…m, k = 1…B
        ∂b¹ⱼ = Σₖ ∂Z¹ₖⱼ                     j = 1…m, k = 1…B
        ∂W²ᵢⱼ = Σₖ A¹ₖᵢ ∂Z²ₖⱼ               i = 1…m, j = 1…p, k = 1…B
        ∂b²ⱼ = Σₖ ∂Z²ₖⱼ                     j = 1…p, k = 1…B
    "#]]
    .assert_eq(&index::form(&derived(PAGES[3].1)).to_string());
}

#[test]
fn the_index_form_of_other_pages() {
    let shown: Vec<String> = [PAGES[2], PAGES[7], PAGES[9], LAYOUT[0], LAYOUT[1], LAYOUT[2]]
        .iter()
        .map(|(name, page)| format!("{name}\n{}", index::form(&derived(page))))
        .collect();
    expect![[r#"
        softmax regression
        Zᵢⱼ = Σₖ Xᵢₖ Wₖⱼ + bⱼ                                          i = 1…B, j = 1…3, k = 1…4
        L = (Σₖ (maxₗ Zₖₗ + log(Σₗ exp(Zₖₗ - maxₘ Zₖₘ)) - Σₗ Yₖₗ Zₖₗ)) / B   k = 1…B, l = 1…3, m = 1…3

        ∂Zᵢⱼ = (exp(Zᵢⱼ - maxₖ Zᵢₖ) / (Σₖ exp(Zᵢₖ - maxₗ Zᵢₗ)) - Yᵢⱼ) / B   i = 1…B, j = 1…3, k = 1…3, l = 1…3
        ∂Wᵢⱼ = Σₖ Xₖᵢ ∂Zₖⱼ                                             i = 1…4, j = 1…3, k = 1…B
        ∂bⱼ = Σₖ ∂Zₖⱼ                                                  j = 1…3, k = 1…B

        residual block
        Hᵢⱼ = Σₖ Xᵢₖ Vₖⱼ                             i = 1…B, j = 1…n, k = 1…n
        Aᵢⱼ = max(Σₖ Hᵢₖ Wₖⱼ, 0)                     i = 1…B, j = 1…n, k = 1…n
        Rᵢⱼ = Hᵢⱼ + Aᵢⱼ                              i = 1…B, j = 1…n
        objective = (Σₖ Σₗ (Rₖₗ - Yₖₗ)²) / (B·n)     k = 1…B, l = 1…n

        ∂Rᵢⱼ = 2 (Rᵢⱼ - Yᵢⱼ) / (B·n)                 i = 1…B, j = 1…n
        ∂Hᵢⱼ = ∂Rᵢⱼ + Σₖ ∂Rᵢₖ [Σₗ Hᵢₗ Wₗₖ > 0] Wⱼₖ   i = 1…B, j = 1…n, k = 1…n, l = 1…n
        ∂Vᵢⱼ = Σₖ Xₖᵢ ∂Hₖⱼ                           i = 1…n, j = 1…n, k = 1…B
        ∂Wᵢⱼ = Σₖ Hₖᵢ (∂Rₖⱼ [Σₗ Hₖₗ Wₗⱼ > 0])        i = 1…n, j = 1…n, k = 1…B, l = 1…n

        Gaussian log-likelihood
        objective = m / 2 logdet(S) + 0.5 Σₖ Σₗ (Σₚ Xₖₚ (S⁻¹)ₚₗ) Xₖₗ   k = 1…m, l = 1…n, p = 1…n

        ∂Sᵢⱼ = m (S⁻¹)ⱼᵢ / 2 - 0.5 Σₖ (Σₗ (S⁻¹)ₗᵢ Σₚ Xₚₗ Xₚₖ) (S⁻¹)ⱼₖ   i = 1…n, j = 1…n, k = 1…n, l = 1…n, p = 1…m

        slices and concatenation
        objective = Σₖ Σₗ tanh([1 ≤ k ≤ 3] A[k+1, l] + [1 ≤ k-3 ≤ 2] B[k-3, l]) + Σₖ Σₗ ([1 ≤ l ≤ 2] Aₖₗ + [1 ≤ l-2 ≤ 3] A[k, l-2])^3   k = 1…5, l = 1…3, l = 1…5

        ∂Bᵢⱼ = 1 - tanh([1 ≤ i+3 ≤ 3] A[i+3+1, j] + [1 ≤ i ≤ 2] Bᵢⱼ)²   i = 1…2, j = 1…3
        ∂Aᵢⱼ = [1 ≤ i-1 ≤ 3] (1 - tanh([1 ≤ i-1 ≤ 3] Aᵢⱼ + [1 ≤ i-1-3 ≤ 2] B[i-1-3, j])²) + 3 ([1 ≤ j+2 ≤ 2] A[i, j+2] + [1 ≤ j ≤ 3] Aᵢⱼ)² + [1 ≤ j ≤ 2] 3 ([1 ≤ j ≤ 2] Aᵢⱼ + [1 ≤ j-2 ≤ 3] A[i, j-2])²   i = 1…5, j = 1…3

        reshape
        objective = Σₖ Σₗ (A[1+⌊(3·(k-1)+l-1)/4⌋, 1+(3·(k-1)+l-1) mod 4])^3 exp(A[1+⌊(3·(k-1)+l-1)/4⌋, 1+(3·(k-1)+l-1) mod 4])   k = 1…8, l = 1…3

        ∂Aᵢⱼ = 3 (exp(Aᵢⱼ) (Aᵢⱼ)²) + (Aᵢⱼ)^3 exp(Aᵢⱼ)                  i = 1…6, j = 1…4

        diagonals
        objective = Σₖ Σₗ (Σₘ ([k = m] aₖ) Aₘₗ)² + Σₖ Aₖₖ aₖ        k = 1…4, l = 1…4, m = 1…4

        ∂Aᵢⱼ = 2 Σₖ ([i = k] aᵢ) Σₗ ([k = l] aₖ) Aₗⱼ + [i = j] aᵢ   i = 1…4, j = 1…4, k = 1…4, l = 1…4
        ∂aᵢ = 2 Σₖ (Σₗ ([i = l] aᵢ) Aₗₖ) Aᵢₖ + Aᵢᵢ                  i = 1…4, k = 1…4, l = 1…4
    "#]].assert_eq(&shown.join("\n"));
}

/// A value of the page that is a gradient too has its equation, and is not written by the other's
/// name.
#[test]
fn the_page_does_not_speak_of_gradients() {
    let derived = derived(
        "input X : B×3\ntarget Y : B×2\nparam W : 3×2\nD = X W - Y\nP = tanh(D)\n\
                           minimize sum(D ⊙ D) / 2 + sum(exp(P))",
    );
    expect![[r#"
        Dᵢⱼ = Σₖ Xᵢₖ Wₖⱼ - Yᵢⱼ                             i = 1…B, j = 1…2, k = 1…3
        Pᵢⱼ = tanh(Dᵢⱼ)                                    i = 1…B, j = 1…2
        objective = (Σₖ Σₗ Dₖₗ Dₖₗ) / 2 + Σₖ Σₗ exp(Pₖₗ)   k = 1…B, l = 1…2

        ∂Pᵢⱼ = exp(Pᵢⱼ)                                    i = 1…B, j = 1…2
        ∂Dᵢⱼ = Dᵢⱼ + ∂Pᵢⱼ (1 - (Pᵢⱼ)²)                     i = 1…B, j = 1…2
        ∂Wᵢⱼ = Σₖ Xₖᵢ ∂Dₖⱼ                                 i = 1…3, j = 1…2, k = 1…B
    "#]]
    .assert_eq(&index::form(&derived).to_string());
    let proof = differential::proof(&derived).expect("it is proved").to_string();
    expect!["objective = sum(D ⊙ D) / 2 + sum(exp(P))"]
        .assert_eq(proof.lines().next().expect("a line"));
}
