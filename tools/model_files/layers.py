"""The Keras layers that are allowed in a file: they make up networks, and none of their options is code or a file.

Anything else is refused, including new Keras layers, until someone has reviewed them. Left out on purpose: Lambda;
TorchModuleWrapper, TFSMLayer, JaxLayer and FlaxLayer, which wrap programs; StringLookup, TextVectorization, Hashing and
HashedCrossing, which process text.
"""

_BY_DIMENSIONS = """
    AdaptiveAveragePooling AdaptiveMaxPooling AveragePooling AvgPool Conv ConvLSTM Cropping DepthwiseConv
    GlobalAveragePooling GlobalAvgPool GlobalMaxPool GlobalMaxPooling LocallyConnected MaxPool MaxPooling SeparableConv
    SeparableConvolution SpatialDropout UpSampling ZeroPadding Convolution
"""
_OTHERS = """
    InputLayer Activation ActivityRegularization AlphaDropout BatchNormalization BatchNormalizationV1
    BatchNormalizationV2 Dense Dropout EinsumDense Embedding Flatten GaussianDropout GaussianNoise GroupNormalization
    Identity LayerNormalization Masking Normalization Permute RMSNormalization RepeatVector Reshape ReversibleEmbedding
    SpectralNormalization UnitNormalization
    Conv1DTranspose Conv2DTranspose Conv3DTranspose
    Convolution1DTranspose Convolution2DTranspose Convolution3DTranspose
    ELU LeakyReLU PReLU ReLU Softmax ThresholdedReLU
    Add Average Concatenate Dot Maximum Minimum Multiply Subtract
    AdditiveAttention Attention GroupQueryAttention MultiHeadAttention
    Bidirectional GRU GRUCell LSTM LSTMCell RNN SimpleRNN SimpleRNNCell StackedRNNCells TimeDistributed
    CategoryEncoding CenterCrop Discretization IntegerLookup MelSpectrogram Pipeline Rescaling Resizing STFTSpectrogram
    AugMix AutoContrast ContrastLimitedAdaptiveHistogramEqualization CutMix Equalization MixUp RandAugment
    RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast RandomCrop RandomElasticTransform
    RandomErasing RandomFlip RandomGaussianBlur RandomGrayscale RandomHeight RandomHue RandomInvert RandomPerspective
    RandomPosterization RandomRotation RandomSaturation RandomSharpness RandomShear RandomTranslation RandomWidth
    RandomZoom Solarization
"""

LAYERS = frozenset([*(f"{name}{n}D" for name in _BY_DIMENSIONS.split() for n in (1, 2, 3)), *_OTHERS.split()])

# The functions of keras.activations.
_ACTIVATIONS = """
    celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu linear log_sigmoid
    log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign sparse_plus sparse_sigmoid
    sparsemax squareplus swish tanh tanh_shrink threshold
"""
# Keras 2 accepts these layers as activations, too.
_LAYERS_AS_ACTIVATIONS = "ELU LeakyReLU PReLU ReLU Softmax ThresholdedReLU"

ACTIVATIONS = frozenset(f"{_ACTIVATIONS} {_LAYERS_AS_ACTIVATIONS}".split())
