//! Record to bytes, one file per format: JSON, CSV, Markdown, figures, HTML; never calls a model.
