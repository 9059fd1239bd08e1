"""The TensorFlow operators that are allowed in a SavedModel: each only computes tensors from tensors and variables.

Anything else is refused, including new operators, until someone has reviewed them. Before adding one, make sure that
none of its kernels, attributes or inputs can name a file, another machine, a library or Python code. Left out on
purpose: ImmutableConst, FixedUnigramCandidateSampler and LoadAndRemapMatrix, which look like arithmetic but read files;
ParseTensor, which builds whatever its bytes describe; Abort; RemoteCall.
"""

_PLUMBING = """
    Const EnsureShape Fill Identity IdentityN NoOp OnesLike Placeholder PlaceholderWithDefault PreventGradient Range
    Rank Shape ShapeN Size Snapshot StopGradient ZerosLike Assert CheckNumerics CheckNumericsV2 FakeParam LinSpace
    BroadcastArgs BroadcastTo Empty GuaranteeConst Bitcast Cast
"""
_CONTROL = """
    PartitionedCall StatefulPartitionedCall If StatelessIf While StatelessWhile Case StatelessCase For Enter Exit
    LoopCond Merge NextIteration Switch EmptyTensorList TensorListConcat TensorListConcatV2 TensorListConcatLists
    TensorListElementShape TensorListFromTensor TensorListGather TensorListGetItem TensorListLength
    TensorListPopBack TensorListPushBack TensorListReserve TensorListResize TensorListScatter TensorListScatterV2
    TensorListSetItem TensorListSplit TensorListStack TensorArrayV3 TensorArrayConcatV3 TensorArrayGatherV3
    TensorArrayReadV3 TensorArrayScatterV3 TensorArraySizeV3 TensorArraySplitV3 TensorArrayWriteV3
"""
_VARIABLES = """
    VarHandleOp ReadVariableOp VariableShape VarIsInitializedOp DisableCopyOnRead AssignVariableOp
    AssignAddVariableOp AssignSubVariableOp ResourceGather ResourceGatherNd ResourceScatterAdd ResourceScatterNdAdd
    ResourceScatterNdUpdate ResourceScatterUpdate ResourceStridedSliceAssign
"""
_ARITHMETIC = """
    Abs Acos Acosh Add AddN AddV2 All Any ApproximateEqual ArgMax ArgMin Asin Asinh Atan Atan2 Atanh BatchMatMul
    BatchMatMulV2 BatchMatMulV3 BitwiseAnd BitwiseOr BitwiseXor Bucketize Ceil ClipByValue Cos Cosh Cross Cumprod
    Cumsum CumulativeLogsumexp DenseBincount Bincount Digamma Div DivNoNan Einsum Equal Erf Erfc Erfinv
    EuclideanNorm Exp Expm1 Floor FloorDiv FloorMod Greater GreaterEqual HistogramFixedWidth Inv Invert IsFinite
    IsInf IsNan LeftShift Less LessEqual Lgamma Log Log1p LogicalAnd LogicalNot LogicalOr MatMul Max Maximum Mean
    Min Minimum Mod Mul MulNoNan Ndtri Neg NextAfter NotEqual Pow Prod RealDiv Reciprocal RightShift Rint Round
    Rsqrt Select SelectV2 Sign Sin Sinh Sqrt Square SquaredDifference Sub Sum Tan Tanh TruncateDiv TruncateMod Xdivy
    Xlog1py Xlogy Cholesky MatrixBandPart MatrixDeterminant MatrixDiag MatrixDiagPart MatrixDiagPartV2
    MatrixDiagPartV3 MatrixDiagV2 MatrixDiagV3 MatrixInverse MatrixSetDiag MatrixSetDiagV2 MatrixSetDiagV3
    MatrixSolve MatrixTriangularSolve Qr Svd Complex ComplexAbs Conj FFT FFT2D IFFT IFFT2D Imag IRFFT IRFFT2D Real
    RFFT RFFT2D AudioSpectrogram Mfcc Angle
"""
_SHAPES = """
    BatchToSpace BatchToSpaceND Concat ConcatOffset ConcatV2 DepthToSpace Diag DiagPart DynamicPartition
    DynamicStitch ExpandDims Gather GatherNd GatherV2 InvertPermutation ListDiff LowerBound MirrorPad OneHot Pack
    Pad PadV2 ParallelDynamicStitch Reshape Reverse ReverseSequence ReverseV2 Roll ScatterNd SegmentMax SegmentMean
    SegmentMin SegmentProd SegmentSum Slice SpaceToBatch SpaceToBatchND SpaceToDepth Split SplitV Squeeze
    StridedSlice TensorScatterAdd TensorScatterMax TensorScatterMin TensorScatterSub TensorScatterUpdate
    TensorStridedSliceUpdate Tile TopK TopKV2 Transpose ConjugateTranspose Unique UniqueV2 Unpack UnravelIndex
    UnsortedSegmentMax UnsortedSegmentMin UnsortedSegmentProd UnsortedSegmentSum UpperBound Where
"""
_LAYERS = """
    AvgPool AvgPool3D BiasAdd BiasAddV1 BlockLSTM BlockLSTMV2 Conv Conv2D Conv2DBackpropInput Conv2DBackpropInputV2
    Conv3D Conv3DBackpropInputV2 CudnnRNN CudnnRNNV2 CudnnRNNV3 DepthwiseConv2dNative Dilation2D Elu FusedBatchNorm
    FusedBatchNormV2 FusedBatchNormV3 FusedPadConv2D GRUBlockCell L2Loss LeakyRelu LogSoftmax LRN LSTMBlockCell
    MaxPool MaxPool3D MaxPoolV2 MaxPoolWithArgmax Relu Relu6 Selu Sigmoid Softmax SoftmaxCrossEntropyWithLogits
    Softplus Softsign SparseSoftmaxCrossEntropyWithLogits InTopK InTopKV2 FakeQuantWithMinMaxArgs
    FakeQuantWithMinMaxVars FakeQuantWithMinMaxVarsPerChannel QuantizeAndDequantize QuantizeAndDequantizeV2
    QuantizeAndDequantizeV3 QuantizeAndDequantizeV4 QuantizeV2 Dequantize SparseSegmentMean SparseSegmentSqrtN
    SparseSegmentSum SparseTensorDenseMatMul SparseToDense SparseReorder SparseReshape SparseFillEmptyRows
"""
_IMAGES = """
    AdjustContrastv2 AdjustHue AdjustSaturation CombinedNonMaxSuppression CropAndResize ExtractGlimpseV2
    ExtractImagePatches HSVToRGB ImageProjectiveTransformV2 ImageProjectiveTransformV3 NonMaxSuppressionV2
    NonMaxSuppressionV3 NonMaxSuppressionV4 NonMaxSuppressionV5 ResizeArea ResizeBicubic ResizeBilinear
    ResizeNearestNeighbor RGBToHSV ScaleAndTranslate
"""
# From layers that only act in training; a SavedModel contains them nevertheless.
_RANDOM = """
    Multinomial ParameterizedTruncatedNormal RandomGamma RandomShuffle RandomStandardNormal RandomUniform
    RandomUniformInt RngReadAndSkip RngSkip StatefulStandardNormalV2 StatefulTruncatedNormal StatefulUniform
    StatefulUniformFullInt StatefulUniformInt StatelessMultinomial StatelessRandomBinomial StatelessRandomGammaV2
    StatelessRandomGetAlg StatelessRandomGetKeyCounter StatelessRandomGetKeyCounterAlg StatelessRandomNormal
    StatelessRandomNormalV2 StatelessRandomUniform StatelessRandomUniformFullInt StatelessRandomUniformFullIntV2
    StatelessRandomUniformInt StatelessRandomUniformIntV2 StatelessRandomUniformV2 StatelessShuffle
    StatelessTruncatedNormal StatelessTruncatedNormalV2 TruncatedNormal
"""
# From training functions, which Keras 2 saves with recurrent layers.
_GRADIENTS = """
    AccumulateNV2 AvgPool3DGrad AvgPoolGrad BiasAddGrad BlockLSTMGrad BlockLSTMGradV2 BroadcastGradientArgs
    CholeskyGrad Conv2DBackpropFilter Conv2DBackpropFilterV2 Conv3DBackpropFilterV2 CropAndResizeGradBoxes
    CropAndResizeGradImage CudnnRNNBackprop CudnnRNNBackpropV2 CudnnRNNBackpropV3
    DepthwiseConv2dNativeBackpropFilter DepthwiseConv2dNativeBackpropInput EluGrad FakeQuantWithMinMaxArgsGradient
    FakeQuantWithMinMaxVarsGradient FakeQuantWithMinMaxVarsPerChannelGradient FusedBatchNormGrad
    FusedBatchNormGradV2 FusedBatchNormGradV3 GRUBlockCellGrad InvGrad LeakyReluGrad LRNGrad LSTMBlockCellGrad
    MaxPool3DGrad MaxPoolGrad MaxPoolGradV2 MaxPoolGradWithArgmax MirrorPadGrad OptionalFromValue OptionalGetValue
    OptionalHasValue OptionalNone QuantizeAndDequantizeV4Grad ReciprocalGrad Relu6Grad ReluGrad ResizeBicubicGrad
    ResizeBilinearGrad ResizeNearestNeighborGrad RsqrtGrad ScaleAndTranslateGrad SeluGrad SigmoidGrad SoftplusGrad
    SoftsignGrad SparseFillEmptyRowsGrad SparseSegmentMeanGrad SparseSegmentSqrtNGrad SparseSegmentSumGrad SqrtGrad
    StridedSliceGrad TanhGrad
"""

NETWORK = frozenset(
    " ".join([_PLUMBING, _CONTROL, _VARIABLES, _ARITHMETIC, _SHAPES, _LAYERS, _IMAGES, _RANDOM, _GRADIENTS]).split()
)
# The operators that save and restore a SavedModel's variables for the C++ loader. The Python loader has its own.
SAVER = frozenset(
    ["MergeV2Checkpoints", "RestoreV2", "SaveV2", "ShardedFilename", "StaticRegexFullMatch", "StringJoin"]
)
