"""A report: one HTML file with the views of the TensorBoard plugin and what they show.

report      runs in, one file out
named_runs  the runs as a log directory
questions   what views may ask of them
collected   the answers, up to a size
modules     the page's files as addresses that hold them
page        the HTML around both
"""
