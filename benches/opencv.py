"""The same pictures through OpenCV's FaceDetectorYN and FaceRecognizerSF: speed and scores beside the gate's.

Run by `make bench`. Needs the package opencv-python-headless and the weights as OpenCV reads them; says so and ends
well when one is absent. Prints milliseconds of one thread for each step, and for each pair of pictures the cosine of
SFace alone: the gate's similarity fuses a second network, so the two differ, but must order the pairs alike.
"""
import sys
import time
from itertools import combinations
from pathlib import Path

TURNS = 20
NAMES = ["obama.jpg", "obama2.jpg", "obama3.jpg", "biden.jpg", "astronaut.png"]


def main(var):
    try:
        import cv2
    except ImportError:
        print("SKIPPED: opencv-python-headless is not importable; install it into var/venv to compare")
        return
    models = [var / "models" / "yunet.onnx", var / "models" / "sface.onnx"]
    if not all(model.exists() for model in models):
        print("SKIPPED: var/ is not filled, run python3 setup/fetch.py")
        return
    cv2.setNumThreads(1)
    try:
        detector = cv2.FaceDetectorYN.create(str(models[0]), "", (640, 640), 0.6, 0.3, 1024)
        recogniser = cv2.FaceRecognizerSF.create(str(models[1]), "")
    except cv2.error as error:
        print(f"SKIPPED: this OpenCV does not read the weights: {error}")
        return
    features = {}
    for name in NAMES:
        picture = cv2.imread(str(var / "pictures" / name))
        zoom = 640 / max(picture.shape[:2])
        small = cv2.resize(picture, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)
        # The gate always shows 640×640; so does this, that both do the same work.
        square = cv2.copyMakeBorder(small, 0, 640 - small.shape[0], 0, 640 - small.shape[1], cv2.BORDER_CONSTANT)
        found, detecting = timed(lambda: detector.detect(square)[1])
        if found is None:
            print(f"{name}: no face")
            continue
        face = max(found, key=lambda row: row[2] * row[3])
        face[:14] /= zoom
        aligned, aligning = timed(lambda: recogniser.alignCrop(picture, face))
        feature, embedding = timed(lambda: recogniser.feature(aligned).copy())
        features[name] = feature
        print(f"{name:<14} detect {detecting:6.2f} ms  align {aligning:5.2f} ms  embed {embedding:6.2f} ms")
    for one, other in combinations(features, 2):
        score = recogniser.match(features[one], features[other], cv2.FaceRecognizerSF_FR_COSINE)
        print(f"{one:<14} {other:<14} cosine {score:.3f}")


def timed(step):
    """Result and median milliseconds."""
    times = []
    for _ in range(TURNS):
        start = time.perf_counter()
        result = step()
        times.append((time.perf_counter() - start) * 1e3)
    return result, sorted(times)[TURNS // 2]


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "var"))
