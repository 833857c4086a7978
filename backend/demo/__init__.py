"""A believable month for trying the house out: invented customers, through the same services as real ones."""
