"""Writes embedding.json: principal components, silhouettes, neighbours by scikit-learn, the graph of neighbours by umap-learn.

Run with scikit-learn 1.9 and umap-learn 0.5: python golden/embedding.py
"""
import json
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness
from sklearn.metrics import silhouette_samples
from sklearn.neighbors import NearestNeighbors
from umap import UMAP
from umap.umap_ import fuzzy_simplicial_set

random = np.random.RandomState(4)


def clusters(n, width, count, spread):
    """Vectors around `count` centres, on axes of falling length, with four decimals."""
    centres = random.randn(count, width) * spread
    labels = np.arange(n) % count
    return np.round((centres[labels] + random.randn(n, width)) * 0.8 ** np.arange(width), 4), labels


def pca_of(vectors, components):
    fitted = PCA(components, svd_solver="full").fit(vectors)
    return {
        "vectors": vectors.tolist(),
        "components": fitted.components_.tolist(),
        "variances": fitted.explained_variance_.tolist(),
        "shares": fitted.explained_variance_ratio_.tolist(),
        "projected": fitted.transform(vectors).tolist(),
    }


tall, _ = clusters(60, 9, 3, 1.0)
wide, _ = clusters(12, 40, 3, 1.0)
vectors, labels = clusters(90, 8, 4, 1.6)
distances, indices = NearestNeighbors(n_neighbors=6, metric="cosine").fit(vectors).kneighbors(vectors)
graph = fuzzy_simplicial_set(vectors, 15, np.random.RandomState(0), "euclidean")[0].tocoo()
layout = UMAP(n_neighbors=15, init="pca", random_state=0).fit_transform(PCA(8).fit_transform(vectors))
result = {
    "tall": pca_of(tall, 5),
    "wide": pca_of(wide, 6),
    "vectors": vectors.tolist(),
    "labels": labels.tolist(),
    "silhouettes": silhouette_samples(vectors, labels, metric="cosine").tolist(),
    "neighbours": indices[:, 1:].tolist(),
    "similarities": (1 - distances[:, 1:]).tolist(),
    "graph": sorted([int(i), int(j), float(w)] for i, j, w in zip(graph.row, graph.col, graph.data)),
    "trustworthiness": float(trustworthiness(vectors, layout, n_neighbors=10)),
}
rounded = json.loads(json.dumps(result), parse_float=lambda text: float(f"{float(text):.9g}"))
path = Path(__file__).with_suffix(".json")
path.write_text(json.dumps(rounded, separators=(",", ":")) + "\n")
print(path, path.stat().st_size, "bytes; trustworthiness of umap-learn's map", rounded["trustworthiness"])
