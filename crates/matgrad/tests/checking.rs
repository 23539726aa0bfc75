//! Which gradients a certificate rejects, and where it cannot tell.

use expect_test::expect;
use matgrad::certificate::{Checking, certify};
use matgrad::expr::elaborate::read;
use matgrad::library::standard;

/// What does not hold of a page, by its entries or by so many random directions.
fn found(page: &str, samples: u64, directions: Option<usize>) -> Result<Vec<String>, String> {
    let equations = read("page.eq", page, standard()).unwrap_or_else(|e| panic!("{e}"));
    let how = Checking { seed: 0, samples, directions };
    let certificate = certify(&equations, &[], how).map_err(|e| e.to_string())?;
    Ok(certificate.faults(1e-7))
}

fn holds(page: &str) {
    for directions in [None, Some(3)] {
        assert_eq!(found(page, 4, directions), Ok(Vec::new()), "{page}");
    }
}

#[test]
fn a_gradient_that_is_zero_is_no_fault() {
    for page in [
        "input X : B×3\nH = relu(batch_norm(dense(X, 4)))\nminimize sum(H)\n",
        "input X : B×3\nparam W : 3×4\nminimize sum(softmax(X W))\n",
        "param A : 3×4\nconst S : 2×3\nconst C : 4×2\n\
         minimize norm2(vec(S A C) - kron(C', S) vec(A))^2\n",
        "param s : 1×1\nminimize s\n",
        "input X : B×3\nparam W : 3×4\nminimize rows(X W)\n",
        "input X : B×3\nparam W : 3×4\nminimize sum(X)\n",
    ] {
        holds(page);
    }
}

#[test]
fn a_page_is_checked_where_its_objective_is_finite() {
    for page in [
        "input X : B×3\nparam W : 3×4\nminimize sum(log(X W))\n",
        "input X : B×3\nparam W : 3×4\nminimize sum(sqrt(-X W))\n",
        "param P : 3×4\nminimize sum(P .^ 0.5)\n",
        "param s : 1×1\nminimize s^0.5\n",
        "param A : 3×4\nminimize sum(sqrt(1 - A .^ 2))\n",
        "param s : 1×1 = 20.5\nminimize sqrt(s - 20)\n",
    ] {
        holds(page);
    }
    let never = |page| found(page, 1, None).expect_err("it cannot be checked");
    expect!["the objective is finite at none of 24 points that were drawn; give the variables first values where it is, such as `param W : 3×4 = 0.5`"]
        .assert_eq(&never("param s : 1×1\nminimize sqrt(s - 20)\n"));
    expect!["f is finite at none of 24 points that were drawn for its arguments, so its adjoint cannot be checked; limit them inside it, such as by `max(A, 0)`"]
        .assert_eq(&never("f(X) = log(X - 20)\n  adjoint C: ∂X = ∂C ⊘ (X - 20)\nparam s : 1×1\nminimize f(s + 30)\n"));
    expect!["there is nothing to check: the page declares no `param` to derive by"]
        .assert_eq(&never("input X : B×3\nminimize sum(X)\n"));
}

#[test]
fn random_directions_see_a_wrong_adjoint_and_say_whose_it_is() {
    let page = "f(X) = X ⊙ X\n  adjoint C: ∂X = ∂C ⊙ X\ng(X) = X ⊙ X\n  adjoint C: ∂X = 2 ∂C ⊙ X\n\
                param A : 40×30\nparam B : 40×30\nminimize sum(f(A)) + sum(g(B))\n";
    let faults = found(page, 1, Some(3)).expect("it is checked");
    assert_eq!(faults.len(), 3, "{faults:?}");
    assert!(faults[0].starts_with("the adjoint of f is wrong"), "{faults:?}");
    assert!(faults[1].starts_with("the law adjoint of f: ∂X = ∂C ⊙ X does not"), "{faults:?}");
    assert!(faults[2].starts_with("∂A does not hold"), "{faults:?}");
}

#[test]
fn random_directions_step_over_kinks() {
    let page = "input X : 40×36\ntarget Y : 40×3\nparam K : 9×2\nparam W : 8×3\n\
                U = unfold(X, 6×6×1, 3×3)\nF = reshape(relu(U K), rows = rows(X))\n\
                Z = maxpool(F, 4×4×2, 2×2) W\nminimize mse(Z, Y)";
    assert_eq!(found(page, 5, Some(4)), Ok(Vec::new()));
}

#[test]
fn what_memory_cannot_hold_is_said_before_it_is_asked_for() {
    let page = "param W : 99999999999×99999999999\nminimize sum(W)\n";
    let said = found(page, 1, None).expect_err("it has no room");
    assert!(said.contains("the values that are drawn would take more memory"), "{said}");
}
