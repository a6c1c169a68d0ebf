"""What runs a network: torch, ONNX Runtime, OpenVINO, TensorRT, OpenCV."""
