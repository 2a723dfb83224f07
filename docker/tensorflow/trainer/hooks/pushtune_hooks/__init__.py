"""What Pushtune adds to a script's interpreter: a report of its trainings, and Keras 2's names under Keras 3."""
