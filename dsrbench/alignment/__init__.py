"""Fine-tuning a video model on preferences that DSR-Score makes: DPO with a zeroth-order regulariser, and controls."""
