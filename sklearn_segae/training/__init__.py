"""How a network is trained: samples and an objective become a net."""
