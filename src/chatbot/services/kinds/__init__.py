"""What services of one kind share: the shape of their persona texts, and how a prompt is framed."""
