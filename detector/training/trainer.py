"""Model Garden's trainer, set up for a run: strategy, optimizer, moving average."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import absl.logging
import orbit
import tensorflow as tf
from official.common import distribute_utils
from official.core import base_trainer, config_definitions
from official.modeling import optimization, performance

from detector.boxes import FloatArray
from detector.classifier_spec import ClassifierSpec
from detector.model.network import variables_by_key
from detector.spec import ModelSpec
from detector.training.cluster import worker_count
from detector.training.config import AUTO, ConfigError, ExperimentConfig
from detector.training.network_task import NetworkTask
from detector.training.schedule import Schedule


class Trainer(base_trainer.Trainer):  # type: ignore[misc]
    """Model Garden's trainer with a call after each step.

    Args:
        after_step: called with the trainer after every step.
        schedule: of the optimizer's rate.

    Attributes:
        schedule: as given.
    """

    def __init__(
        self, *, after_step: Callable[[Trainer], object], schedule: Schedule, **options: object
    ) -> None:
        super().__init__(**options)
        self._after_step = after_step
        self.schedule = schedule

    def create_train_loop_fn(self) -> Callable[[Iterator[object], tf.Tensor], None]:
        """A loop in Python: it can be interrupted, and shown, after every step."""
        # `train_step` is Model Garden's: it runs `NetworkTask.train_step` on each replica and adds to the
        # means of the losses. One traced step is called again and again; between two of them Python has its
        # turn, which costs next to nothing beside a step. There is nothing in it for AutoGraph to translate.
        step = tf.function(self.train_step, autograph=False)

        def loop(iterator: Iterator[object], num_steps: tf.Tensor) -> None:
            with _late_interrupt() as interrupted:
                for _ in range(int(num_steps)):
                    step(iterator)
                    self._after_step(self)
                    if interrupted():
                        raise KeyboardInterrupt

        return loop

    @property
    def step(self) -> int:
        """Number of steps done."""
        return int(self.global_step.numpy())

    def averaged_weights(self, spec: ModelSpec | ClassifierSpec) -> dict[str, FloatArray]:
        """The network's weights by key, the trained ones as their moving average."""
        # Model Garden keeps the averages as slots of its optimizer, and none where the decay is 0.
        averages: dict[object, tf.Variable] = {}
        if isinstance(self.optimizer, optimization.ExponentialMovingAverage):
            averages = {
                v.ref(): self.optimizer.get_slot(v, "average") for v in self.model.trainable_variables
            }
        return {
            key: averages.get(variable.ref(), variable).numpy()
            for key, variable in variables_by_key(self.model, spec).items()
        }

    def start_average(self) -> None:
        """Let the moving average begin at the weights; Model Garden's begins at zero."""
        if isinstance(self.optimizer, optimization.ExponentialMovingAverage):
            for variable in self.model.trainable_variables:
                self.optimizer.get_slot(variable, "average").assign(variable)


@contextmanager
def _late_interrupt() -> Iterator[Callable[[], bool]]:
    """A function that tells whether Ctrl-C was pressed, which has no other effect inside the block.

    TensorFlow, interrupted while it builds a graph, raises errors of all kinds; and a step is done or
    not done. A second Ctrl-C has its usual effect.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    pressed = False
    usual = signal.getsignal(signal.SIGINT)

    def note(*_: object) -> None:
        nonlocal pressed
        pressed = True
        signal.signal(signal.SIGINT, usual)

    signal.signal(signal.SIGINT, note)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, usual)


def build_strategy(config: ExperimentConfig) -> tf.distribute.Strategy:
    """The strategy that the config asks for; made before TensorFlow does anything else.

    Raises:
        ConfigError: GPUs that are not there, or workers that are not described.
    """
    absl.logging.set_verbosity(absl.logging.ERROR)  # Model Garden tells every detail
    tf.get_logger().setLevel("ERROR")
    # What cannot be is refused before the devices are touched, for TensorFlow lets them be set only once.
    runtime = config.runtime
    found = len(tf.config.list_physical_devices("GPU"))
    gpus = (
        (min(found, 1) if runtime.strategy == "one_device" else found)
        if runtime.gpus == AUTO
        else runtime.gpus
    )
    assert isinstance(gpus, int)
    if gpus > found:
        raise ConfigError(
            f"runtime.gpus is {gpus} and TensorFlow sees {found}; install tensorflow[and-cuda] and the "
            "driver, or set runtime.gpus=0."
        )
    if runtime.strategy == "one_device" and gpus > 1:
        raise ConfigError(
            "runtime.strategy one_device takes one GPU; set runtime.strategy=mirrored for more."
        )
    if worker_count() and runtime.strategy != "multi_worker_mirrored":
        raise ConfigError(
            f"TF_CONFIG names {worker_count()} workers and runtime.strategy is {runtime.strategy}; set it to "
            "multi_worker_mirrored, or unset TF_CONFIG."
        )
    if runtime.strategy == "multi_worker_mirrored" and not worker_count():
        raise ConfigError(
            "runtime.strategy is multi_worker_mirrored, which needs the environment variable TF_CONFIG: "
            "the cluster's addresses and this worker's index; see docs/training.md."
        )
    if gpus < found:
        tf.config.set_visible_devices(tf.config.list_physical_devices("GPU")[:gpus], "GPU")
    if runtime.virtual_cpus > 1:
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration() for _ in range(runtime.virtual_cpus)]
        )
        if runtime.strategy == "mirrored" and not gpus:
            return tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(runtime.virtual_cpus)])
    return distribute_utils.get_distribution_strategy(
        runtime.strategy,
        num_gpus=gpus,
        all_reduce_alg="ring" if runtime.strategy == "multi_worker_mirrored" and not gpus else None,
    )


def build_trainer(
    task: NetworkTask,
    config: ExperimentConfig,
    strategy: tf.distribute.Strategy,
    after_step: Callable[[Trainer], object],
) -> Trainer:
    """A trainer with its network, optimizer and inputs on the strategy's devices."""
    if config.training.batch_size % strategy.num_replicas_in_sync:
        raise ConfigError(
            f"training.batch_size is {config.training.batch_size}, which {strategy.num_replicas_in_sync} "
            "devices cannot share evenly."
        )
    performance.set_mixed_precision_policy(tf.as_dtype(config.training.precision))
    with strategy.scope():
        model = task.build_model()
        schedule = Schedule(config.optimizer, int(config.training.steps))
        factory = optimization.OptimizerFactory(optimization.OptimizationConfig(_optimization(config)))
        optimizer = factory.build_optimizer(schedule)
        trainer = Trainer(
            after_step=after_step,
            schedule=schedule,
            config=config_definitions.ExperimentConfig(
                task=config_definitions.TaskConfig(), trainer=config_definitions.TrainerConfig()
            ),
            task=task,
            model=model,
            optimizer=optimizer,
            train=True,
            evaluate=False,
            train_dataset=orbit.utils.make_distributed_dataset(strategy, task.build_inputs, None),
        )
        # With variables that its first call made, the step would be traced twice.
        optimizer._create_all_weights(model.trainable_variables)
        trainer.start_average()
    return trainer


def _optimization(config: ExperimentConfig) -> dict[str, object]:
    """The optimizer section in Model Garden's terms; the rate is given by ``Schedule``."""
    values = config.optimizer
    clip = {"global_clipnorm": values.clip_norm or None}
    optimizers = {
        "sgd": {"momentum": values.momentum, **clip},
        "rmsprop": {"momentum": values.momentum, "rho": values.rho, "epsilon": values.epsilon, **clip},
    }
    section: dict[str, object] = {
        "optimizer": {"type": values.type, values.type: optimizers[values.type]},
        "learning_rate": {"type": "constant", "constant": {"learning_rate": values.learning_rate}},
    }
    if values.ema_decay:
        section["ema"] = {"average_decay": values.ema_decay}
    return section
