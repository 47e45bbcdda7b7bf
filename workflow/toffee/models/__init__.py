"""Networks: the frozen base models, and the diffusion that draws with them."""
