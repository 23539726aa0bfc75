# Update rules. W are the weights, G their gradient, t the step from 1, L the loss before the
# update. λ is weight decay added to the gradient (adamw: taken from the weights).

optimizer sgd(η = 0.01, λ = 0)
  W ← W - η (G + λ W)

# M₁ = G, as in PyTorch (no dampening)
optimizer momentum(η = 0.01, μ = 0.9, λ = 0)
  state M = 0
  M ← μ M + G + λ W
  W ← W - η M

optimizer nesterov(η = 0.01, μ = 0.9, λ = 0)
  state M = 0
  D ← G + λ W
  M ← μ M + D
  W ← W - η (D + μ M)

optimizer rmsprop(η = 0.01, ρ = 0.99, ε = 1e-8, λ = 0)
  state V = 0
  D ← G + λ W
  V ← ρ V + (1 - ρ) D .^ 2
  W ← W - (η D) ⊘ (sqrt(V) + ε)

optimizer adagrad(η = 0.01, ε = 1e-10, λ = 0)
  state V = 0
  D ← G + λ W
  V ← V + D .^ 2
  W ← W - (η D) ⊘ (sqrt(V) + ε)

# ε is added after the bias correction, as in Kingma & Ba, algorithm 1, and PyTorch
optimizer adam(η = 1e-3, β₁ = 0.9, β₂ = 0.999, ε = 1e-8, λ = 0)
  state M = 0, V = 0
  D ← G + λ W
  M ← β₁ M + (1 - β₁) D
  V ← β₂ V + (1 - β₂) D .^ 2
  W ← W - ((η / (1 - β₁ ^ t)) M) ⊘ (sqrt(V) / sqrt(1 - β₂ ^ t) + ε)

# "epsilon hat": ε is added before the bias correction, as in Keras and TensorFlow
optimizer adam_hat(η = 1e-3, β₁ = 0.9, β₂ = 0.999, ε = 1e-7, λ = 0)
  state M = 0, V = 0
  D ← G + λ W
  M ← β₁ M + (1 - β₁) D
  V ← β₂ V + (1 - β₂) D .^ 2
  W ← W - ((η sqrt(1 - β₂ ^ t) / (1 - β₁ ^ t)) M) ⊘ (sqrt(V) + ε)

# weight decay apart from the gradient: Loshchilov & Hutter 2019
optimizer adamw(η = 1e-3, β₁ = 0.9, β₂ = 0.999, ε = 1e-8, λ = 0.01)
  state M = 0, V = 0
  M ← β₁ M + (1 - β₁) G
  V ← β₂ V + (1 - β₂) G .^ 2
  W ← (1 - η λ) W - ((η / (1 - β₁ ^ t)) M) ⊘ (sqrt(V) / sqrt(1 - β₂ ^ t) + ε)

# Zeiler 2012: steps in the units of the weights, S is the mean squared step
optimizer adadelta(η = 1, ρ = 0.9, ε = 1e-6, λ = 0)
  state V = 0, S = 0
  D ← G + λ W
  V ← ρ V + (1 - ρ) D .^ 2
  D ← (sqrt(S + ε) ⊘ sqrt(V + ε)) ⊙ D
  S ← ρ S + (1 - ρ) D .^ 2
  W ← W - η D

# Kingma & Ba 2015, algorithm 2: Adam with the largest gradient in the place of the mean square
optimizer adamax(η = 2e-3, β₁ = 0.9, β₂ = 0.999, ε = 1e-8, λ = 0)
  state M = 0, U = 0
  D ← G + λ W
  M ← β₁ M + (1 - β₁) D
  U ← max(β₂ U, abs(D) + ε)
  W ← W - ((η / (1 - β₁ ^ t)) M) ⊘ U

# Dozat 2016: Adam with Nesterov's momentum, which warms up at the rate ψ; P is the product of
# the momenta so far. ψ is as in PyTorch; Keras has ψ = 1
optimizer nadam(η = 2e-3, β₁ = 0.9, β₂ = 0.999, ε = 1e-8, λ = 0, ψ = 4e-3)
  state M = 0, V = 0, P = 1
  D ← G + λ W
  M ← β₁ M + (1 - β₁) D
  V ← β₂ V + (1 - β₂) D .^ 2
  μ ← β₁ (1 - 0.5 * 0.96 ^ (ψ t))
  ν ← β₁ (1 - 0.5 * 0.96 ^ (ψ t + ψ))
  P ← μ P
  N ← (ν M) ⊘ (1 - ν P) + ((1 - μ) D) ⊘ (1 - P)
  W ← W - (η N) ⊘ (sqrt(V) / sqrt(1 - β₂ ^ t) + ε)

# Chen et al. 2023: the sign of the momentum, with weight decay apart from it
optimizer lion(η = 1e-4, β₁ = 0.9, β₂ = 0.99, λ = 0)
  state M = 0
  D ← sign(β₁ M + (1 - β₁) G)
  M ← β₂ M + (1 - β₂) G
  W ← (1 - η λ) W - η D

# Fahlman 1988, with the choices of FANN: to the lowest point of a parabola through the last two
# slopes P and D, but at most μ times the last step S. A is the sign of the last step, 0 where it
# was shorter than θ; where the slope still falls that way (R), a step along it is added; where the
# parabola would lead too far (Q), the step is the longest one
optimizer quickprop(η = 0.7, μ = 1.75, λ = 1e-4, θ = 1e-3)
  state S = 0, P = 0
  D ← -(G + λ W)
  A ← sign(S) ⊙ (abs(S) > θ)
  R ← max(1 - abs(A), A ⊙ D > 0)
  Q ← abs(A) ⊙ (A ⊙ D > (μ / (1 + μ)) (A ⊙ P))
  E ← P - D
  S ← η (R ⊙ D) + μ (Q ⊙ S) + (abs(A) - Q) ⊙ S ⊙ D ⊘ (E + 1 - abs(sign(E)))
  P ← D
  W ← W + S

# Riedmiller & Braun 1993 in matrix form, a changed sign skips one update (iRprop⁻):
# D is the decision matrix, U the update matrix, M the meta-gradient matrix
optimizer rprop(η⁺ = 1.2, η⁻ = 0.5, Δ₀ = 0.1, Δmin = 1e-6, Δmax = 50)
  state U = Δ₀, M = 0
  D ← sign(G ⊙ M)
  U ← clamp(U ⊙ (1 + (η⁺ - 1) max(D, 0) - (1 - η⁻) max(-D, 0)), Δmin, Δmax)
  M ← zero_where_negative(G, D)
  W ← W - U ⊙ sign(M)

# Riedmiller 1994: a changed sign halves the step, which is taken all the same
optimizer rprop_minus(η⁺ = 1.2, η⁻ = 0.5, Δ₀ = 0.1, Δmin = 1e-6, Δmax = 50)
  state U = Δ₀, M = 0
  D ← sign(G ⊙ M)
  U ← clamp(U ⊙ (1 + (η⁺ - 1) max(D, 0) - (1 - η⁻) max(-D, 0)), Δmin, Δmax)
  M ← G
  W ← W - U ⊙ sign(G)

# Igel & Hüsken 2000: without weight backtracking
optimizer irprop_minus(η⁺ = 1.2, η⁻ = 0.5, Δ₀ = 0.1, Δmin = 1e-6, Δmax = 50)
  state U = Δ₀, M = 0
  D ← sign(G ⊙ M)
  U ← clamp(U ⊙ (1 + (η⁺ - 1) max(D, 0) - (1 - η⁻) max(-D, 0)), Δmin, Δmax)
  M ← zero_where_negative(G, D)
  W ← W - U ⊙ sign(M)

# Riedmiller & Braun 1993, with weight backtracking: a changed sign takes the last update S back
optimizer rprop_plus(η⁺ = 1.2, η⁻ = 0.5, Δ₀ = 0.1, Δmin = 1e-6, Δmax = 50)
  state U = Δ₀, M = 0, S = 0
  D ← sign(G ⊙ M)
  U ← clamp(U ⊙ (1 + (η⁺ - 1) max(D, 0) - (1 - η⁻) max(-D, 0)), Δmin, Δmax)
  M ← zero_where_negative(G, D)
  S ← -(U ⊙ sign(M)) - S ⊙ max(-D, 0)
  W ← W + S

# Igel & Hüsken 2000: taken back only where the loss has risen; E keeps the last loss
optimizer irprop_plus(η⁺ = 1.2, η⁻ = 0.5, Δ₀ = 0.1, Δmin = 1e-6, Δmax = 50)
  state U = Δ₀, M = 0, S = 0, E = 0
  D ← sign(G ⊙ M)
  U ← clamp(U ⊙ (1 + (η⁺ - 1) max(D, 0) - (1 - η⁻) max(-D, 0)), Δmin, Δmax)
  M ← zero_where_negative(G, D)
  S ← -(U ⊙ sign(M)) - S ⊙ max(-D, 0) ⊙ (L > E)
  E ← L
  W ← W + S
