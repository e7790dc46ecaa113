"""What a user can do, by subject: plain functions over a session.

Keys, buttons and the annotator's methods all end here, so what a key does, a method does.
"""
