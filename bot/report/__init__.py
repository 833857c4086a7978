"""`zhike nlu report`: one HTML page that says how well the model understands, and how sure that is."""
