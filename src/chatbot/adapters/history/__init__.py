"""Where turns live: databases of turns, the folder that keeps them meanwhile, and what joins the two."""
