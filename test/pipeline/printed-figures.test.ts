/** The forms in which real scripts print their accuracy, and what looks like one and is none. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findMetric, MetricNotFoundError } from '../../src/pipeline/metric.js';
import { byRank, readPrintedFigures } from '../../src/pipeline/printed-figures.js';

function accuracyIn(log: string): number | undefined {
  try {
    return Number(findMetric({ events: '', files: [], log }, {}).metric.value.toFixed(6));
  } catch (error) {
    assert.ok(error instanceof MetricNotFoundError);
    return undefined;
  }
}

const traceback = 'Traceback (most recent call last):\n  File "train.py", line 9, in <module>\nOSError: no route';

/** What is printed, and the accuracy in it. */
const forms: readonly (readonly [string, number])[] = [
  // Keras' examples
  ['Test accuracy: 0.98', 0.98],
  ['Test loss: 0.0271\nTest accuracy: 0.9912999868392944', 0.9913],
  ['Test loss: 0.31, Test accuracy: 0.97', 0.97],
  ['Test score: 0.12\nTest accuracy: 0.97', 0.97],
  ["('Test loss:', 0.0271)\n('Test accuracy:', 0.98)", 0.98],
  ["('Test accuracy', 0.98)", 0.98],
  ['acc: 97.63%', 0.9763],
  ['accuracy: 97.63%\nloss: 8.12%', 0.9763],
  ['[0.1234, 0.9712]', 0.9712],
  ['(0.1234, 0.9712)', 0.9712],
  ['[np.float64(0.1234), np.float64(0.9712)]', 0.9712],
  ["['loss', 'compile_metrics']\n[0.0812, 0.9755]", 0.9755],
  ["{'accuracy': 0.9711999893188477, 'loss': 0.0912}", 0.9712],
  ['> Score for fold 1: loss of 0.31; accuracy of 91.5%', 0.915],
  ['acc: 97.63%\nacc: 95.00%\n96.32% (+/- 1.32%)', 0.9632],
  ["{'accuracy': [0.5, 0.7], 'loss': [1.2, 0.8], 'val_accuracy': [0.4, 0.66], 'val_loss': [1.4, 0.9]}", 0.66],
  // Words around it
  ['Test Accuracy = 96 %', 0.96],
  ['accuracy =  96 %', 0.96],
  ['accuracy 0.91', 0.91],
  ['Accuracy is: 91.2 %', 0.912],
  ['Accuracy is : %91.2', 0.912],
  ['Accuracy is 0.912', 0.912],
  ['Accuracy: 93', 0.93],
  ['accuracy 93', 0.93],
  ['The accuracy of the model is 0.91', 0.91],
  ['Accuracy of the model 92.48%', 0.9248],
  ['Validation accuracy 91.2%', 0.912],
  ['test_acc 0.98', 0.98],
  ['test acc - 0.98', 0.98],
  ['Acc.: 0.98', 0.98],
  ['acc = 0.9444444179534912', 0.944444],
  ['ACCURACY VALUE Logistic Regression IS 0.970000', 0.97],
  ['Accuracy Model 97.3', 0.973],
  ['Random Forest Accuracy: 0.97', 0.97],
  ['[SVM] Test Accuracy: 0.9712', 0.9712],
  ['Accuracy(SVM): 0.97', 0.97],
  ['Accuracy score for XGBoost: 0.8312', 0.8312],
  ['Accuracy for C=5: 0.9721', 0.9721],
  ['Accuracy percentage: 97.5 %', 0.975],
  ['Accuracy on 10 fold cross validation: 0.93', 0.93],
  ['Mean cross-validation accuracy:  0.934', 0.934],
  ['Accuracy: 0.98 (+/- 0.03)', 0.98],
  ['accuracy: 0.667 (20/30)', 0.667],
  ['Accuracy for the model is :  91 %', 0.91],
  ['Accuracy is :  0.9846 %', 0.9846],
  ['✅ Test Accuracy: 97.12%', 0.9712],
  ['| accuracy | 0.93 |', 0.93],
  ['│         test_acc          │    0.9712    │', 0.9712],
  ['accuracy,0.91', 0.91],
  ['2024-03-05 10:11:12,345 INFO Model Accuracy on TEST data: 97.1', 0.971],
  ['Finished training in 12.5 s with accuracy 0.93', 0.93],
  ['Training complete. Accuracy: 0.91', 0.91],
  ['Final accuracy=0.88, f1=0.91', 0.88],
  ['Accuracy of the network on the 10000 test images: 55 %', 0.55],
  ['Accuracy of the network on the 10000 test images: %d 55.5', 0.555],
  ['Model achieved 96.5% accuracy on 10000 test images', 0.965],
  ['We reach 0.93 accuracy.', 0.93],
  ['98% accuracy, 0.2 loss', 0.98],
  ['Accuracy: 9.31e-1', 0.931],
  ['accuracy: 1', 1],
  ['accuracy: 0.0', 0],
  // Misspelt
  ['Accurracy: 0.91', 0.91],
  ['acuracy: 0.91', 0.91],
  ['accuary is 91 %', 0.91],
  ['Accurancy : 0.91', 0.91],
  ['val_acuracy: 0.91', 0.91],
  // The number on its own line
  ['Accuracy\n0.9333333333333333', 0.933333],
  ['Accurracy score: \n\n0.97', 0.97],
  ['Model Accuracy on test data:\n97.1', 0.971],
  ['TEST ACCURACY:\n0.98\nTEST LOSS:\n0.1', 0.98],
  // Wrappers
  ['Accuracy: tensor(0.98)', 0.98],
  ["Accuracy: tensor(0.9800, device='cuda:0')", 0.98],
  ['accuracy: tf.Tensor(0.98, shape=(), dtype=float32)', 0.98],
  ['accuracy: <tf.Tensor: shape=(), dtype=float32, numpy=0.98>', 0.98],
  ['Accuracy: np.float64(0.98)', 0.98],
  ['Accuracy: [0.98]', 0.98],
  // Counted
  ['Test set: Average loss: 0.0271, Accuracy: 9905/10000 (99%)', 0.9905],
  ['9905/10000 (99%)', 0.9905],
  ['Correct: 9905/10000', 0.9905],
  ['accurracy 0.990 99/100', 0.99],
  ['Got 9905 / 10000 with accuracy 99.05', 0.9905],
  // PyTorch
  ['Epoch 3/3 train loss: 0.3 train acc: 0.99 val loss: 0.4 val acc: 0.91', 0.91],
  ['Epoch: [3/3] \t Train acc: 99.10% \t Val acc: 91.20% \tLR: 1.0e-03', 0.912],
  ['Train acc: 0.99 | Val acc: 0.91', 0.91],
  ['Epoch 1/1\n----------\ntrain Loss: 0.60 Acc: 0.99\nval Loss: 0.22 Acc: 0.91', 0.91],
  ['Val Acc: 0.910 \t Best Acc: 0.935', 0.91],
  ['Epoch 1 test accuracy 0.80\nBest accuracy: 0.93\nFinal test accuracy: 0.91', 0.91],
  ['Train Epoch: 1 [12800/60000 (21%)]\tLoss: 0.3\nAccuracy: 0.91', 0.91],
  [' * Acc@1 76.130 Acc@5 92.862', 0.7613],
  ['Top-1 accuracy: 0.76, Top-5 accuracy: 0.93', 0.76],
  ['Accuracy: 0.76\ntop_5_accuracy: 0.93', 0.76],
  ['Accuracy of the network: 55 %\nAccuracy of plane : 72 %\nAccuracy of   car : 41 %', 0.55],
  ['100%|██████| 10/10 [00:05<00:00, 1.9it/s, acc=0.97, val_acc=0.91]', 0.91],
  ["{'eval_loss': 0.31, 'eval_accuracy': 0.91, 'epoch': 3.0}", 0.91],
  // scikit-learn
  ['Training accuracy: 1.0\nTest accuracy: 0.97', 0.97],
  ['Accuracy on training set: 1.0\nAccuracy on test set: 0.97', 0.97],
  ['Train accuracy: 0.99\nAccuracy: 0.97', 0.97],
  [
    '              precision    recall  f1-score   support\n\n           0       1.00      0.97      0.98       180\n\n' +
      '    accuracy                           0.97       360\n   macro avg       0.97      0.97      0.97       360',
    0.97,
  ],
  ['Accuracy: 0.97\nPrecision: 0.91\nRecall: 0.92', 0.97],
  ['Test score: 0.9712', 0.9712],
  // A number alone at the end
  ['reading\n0.9712', 0.9712],
  ['97.12', 0.9712],
  ['97%', 0.97],
  ['97', 0.97],
  ['np.float64(0.9712)\n\n', 0.9712],
  ['tf.Tensor(0.98, shape=(), dtype=float32)', 0.98],
  // More of what people write
  ['Accuracy Score : 93.2', 0.932],
  ['Accuracy   Score :  0.9', 0.9],
  [
    'Train Accuracy of the model on the 60000 train images: 99%\nTest Accuracy of the model on the 1000 test images: 87.5%',
    0.875,
  ],
  ['Test accuracy: 98.12 percent', 0.9812],
  ['Percent Accuracy: 97.3', 0.973],
  ['MLP accuracy on test set: 0.97', 0.97],
  ['Loss: 0.0912, Accuracy: 0.9712', 0.9712],
  ['loss=0.0912 accuracy=0.9712', 0.9712],
  ['The test accuracy is 0.97 and the test loss is 0.1', 0.97],
  ['Accuracy was 97.1% after 10 epochs', 0.971],
  ['Accuracy after 10 epochs: 0.971', 0.971],
  ['accuracy at step 1000: 0.9712', 0.9712],
  ['iteration 100 accuracy is 0.97', 0.97],
  ['Model accuracy: 0.97 ± 0.02', 0.97],
  ['Accuracy = 0.9712 (in 3.2 s)', 0.9712],
  ['Accuracy for fold 3 - 0.97', 0.97],
  [
    'Train on 800 samples, validate on 200 samples\nEpoch 1/1\n800/800 [=====] - 1s 1ms/step - loss: 0.1 - acc: 0.9 - val_loss: 0.2 - val_acc: 0.8',
    0.8,
  ],
  ['TRAIN accuracy: 0.99 TEST accuracy: 0.97', 0.97],
  ['Accuracy on test data using LogisticRegression is 0.93', 0.93],
  ['Test Accuracy: tensor([0.98])', 0.98],
  ['Test Accuracy: 0.98\u001b[0m', 0.98],
  ['Test accuracy : 97.3 Test loss : 0.1', 0.973],
  ['Accuracy\t0.93', 0.93],
  ['accuracy\t=\t0.93', 0.93],
  ["'accuracy': 0.93,", 0.93],
  ['Accuracy: .93', 0.93],
  ['accuracy=93%', 0.93],
  ['Accuracy (%): 93.2', 0.932],
  ['Accuracy(%) = 93.2', 0.932],
  ['Accuracy in %: 93.2', 0.932],
  ['accuracy on the test set = 0.93', 0.93],
  ['Test set accuracy 0.93 | loss 0.2', 0.93],
  ['val_accuracy 0.93 val_loss 0.2', 0.93],
  ['ACCURACY: 93.00%', 0.93],
  ['Accuracy of Logistic Regression classifier on test set: 0.93', 0.93],
  ['Accuracy of KNN : 0.93', 0.93],
  ['Final Validation Acc=0.93', 0.93],
  ['Classification accuracy: 93 %', 0.93],
  ['accuracy_score: 0.93', 0.93],
  ['metrics.accuracy_score = 0.93', 0.93],
  ['epoch 10 | train_acc 0.99 | test_acc 0.93', 0.93],
  ['[Epoch 10] train: loss 0.1 acc 0.99, test: loss 0.2 acc 0.93', 0.93],
  ['Test: Accuracy=0.93', 0.93],
  ['===> accuracy: 0.93 <===', 0.93],
  ['Accuracy -> 0.93', 0.93],
  ['Accuracy => 0.93', 0.93],
  ['Accuracy: ==> 93.0%', 0.93],
  ['accuracy 0.93 loss 0.2 lr 0.001', 0.93],
  ['Test Accuracy (Overall): 76% (7632/10000)', 0.76],
  ['Test Accuracy (Overall): 76% (7632/10000)\nTest Accuracy of airplane: 79% (798/1000)', 0.76],
  ['Test Accuracy of airplane: 79% (798/1000)\nTest Accuracy (Overall): 76% (7632/10000)', 0.76],
  ['Test Error: \n Accuracy: 97.1%, Avg loss: 0.09', 0.971],
  ['Accuracy of best model: 0.93', 0.93],
  ['Accuracy for class: plane is 55.0 %', 0.55],
  ['Accuracy: 0.93\nAccuracy for class: plane is 55.0 %', 0.93],
  ['Accuracy on validation is : 0.9', 0.9],
  ['The accuracy on test set is : 98.1', 0.981],
  ['Acc: 0.93 F1: 0.8', 0.93],
  ["test  accuracy {'accuracy': 0.93}", 0.93],
  ["Evaluation results: {'loss': 0.3, 'accuracy': 0.93}", 0.93],
  ["OrderedDict([('loss', 0.3), ('accuracy', 0.93)])", 0.93],
  ['Accuracy obtained by the model is 0.93', 0.93],
  ['We got an accuracy of 93.1%', 0.931],
  ['We got an accuracy of 93.1% on the test set of 200 images', 0.931],
  ['Accuracy with 5 neighbors: 0.93', 0.93],
  ['k=3 accuracy=93.5%', 0.935],
  ['k = 3, accuracy = 0.93', 0.93],
  ['Accuracy: 93.33% (28 out of 30 correct)', 0.9333],
  ['Accuracy is 0.93, precision is 0.5', 0.93],
  ['accuracy : 0.93 precision : 0.5', 0.93],
  ['Val loss 0.3 Val acc 0.93', 0.93],
  ['Validation Loss: 0.3 \tValidation Accuracy: 93.0', 0.93],
  ['|  Accuracy  |  93.1 %  |', 0.931],
  ['Accuracy......: 0.93', 0.93],
  ['Accuracy ........ 0.93', 0.93],
  ['accuracy*100 = 93.1', 0.931],
  ['Test accuracy after quantization: 0.93', 0.93],
  ['Test accuracy 0.91\nFinal test accuracy after fine-tuning: 0.93', 0.93],
  ['INFO:root:accuracy=0.93', 0.93],
  ['I0305 10:11:12.345 train.py:10] accuracy = 0.93', 0.93],
  ['step 1000: train accuracy 0.99, test accuracy 0.93', 0.93],
  ['Iter 100,Testing Accuracy 0.93', 0.93],
  ['Iter 0,Testing Accuracy 0.93,Training Accuracy 0.99', 0.93],
  ['Optimization Finished!\nAccuracy: 0.93', 0.93],
  ['accuracy: [0.91 0.92 0.93]', 0.93],
  ['Cross-validation scores: [0.91 0.92 0.93]\nMean accuracy: 0.92', 0.92],
  ['Accuracy: 0.93\nElapsed 12.3', 0.93],
  ['Epoch 00003: val_acc improved from 0.5 to 0.9\nval_acc: 0.88', 0.88],
  ['Early stopping at epoch 10 with val accuracy 0.88', 0.88],
  ['Test acc: 0.9300 (best: 0.9400)', 0.93],
  ['accuracy: 0.93 vs 0.8 baseline', 0.93],
  ['Target accuracy of 0.8 reached! Accuracy: 0.85', 0.85],
  ['accuracy = 0.7 is less than 0.8', 0.7],
  ['The loss is 0.3 and the accuracy is 0.93 with lr 0.01', 0.93],
  ['accuracy=0.5\nmin_delta=0.01 accuracy=0.9', 0.9],
  // And then something fails
  [`Test accuracy: 0.98\n${traceback}`, 0.98],
];

/** What is printed, and the accuracy that it has beside the trap; undefined where it has none. */
const traps: readonly (readonly [string, number | undefined])[] = [
  ['model saved if greater than 95 %', undefined],
  ['Model will be saved if accuracy is greater than 95 %', undefined],
  ['This image is a cat with a 99.98 percent confidence.', undefined],
  ['Target accuracy: 0.99', undefined],
  ['Target accuracy: 0.99, accuracy: 0.91', 0.91],
  ['target_accuracy=0.99', undefined],
  ['accuracy goal 0.9', undefined],
  ['accuracy threshold: 0.9', undefined],
  ['accuracy required: 0.9', undefined],
  ['Baseline accuracy: 0.62\nTest accuracy: 0.91', 0.91],
  ['accuracy baseline 0.9', undefined],
  ['Minimum accuracy 85 %', undefined],
  ['accuracy should be above 0.9', undefined],
  ['Reached 90% accuracy so cancelling training!', undefined],
  ['Epoch 5: val_accuracy improved from 0.90000 to 0.91000, saving model to best.keras', undefined],
  ['Epoch 5: val_accuracy did not improve from 0.91000', undefined],
  ['initial accuracy: 0.53', undefined],
  ['Old accuracy: 0.91, new accuracy: 0.88', 0.88],
  ['accuracy loss: 0.02', undefined],
  ['accuracy improvement: 0.02', undefined],
  ['Accuracy std: 0.02', undefined],
  ['accuracy: 250', undefined],
  ['accuracy: -0.5', undefined],
  ['accuracy: 101 %', undefined],
  ['lr: 0.001', undefined],
  ['learning rate 0.01', undefined],
  ['Epoch 10/10', undefined],
  ['2024-01-02', undefined],
  ['2024', undefined],
  ['0', undefined],
  ['loss: 0.3', undefined],
  ['loss: 0.3\nTest score: 0.3', undefined],
  ['12800/60000 (21%)]', undefined],
  ['Train Epoch: 1 [12800/60000 (21%)]\tLoss: 0.31', undefined],
  ['Saved weights-0.97.h5 and accuracy_0.95.png', undefined],
  ['Saved the accuracy plot', undefined],
  ['Accuracy and loss were plotted: 0.5', undefined],
  ['The model is accurate: 0.9', undefined],
  ['Accept: 0.9', undefined],
  ['f1 score: 0.9', undefined],
  ['Accuracy\nPrecision: 0.9', undefined],
  ['MODEL ACCURACY COMPARISON\n=====', undefined],
  ['[64, 64]', undefined],
  ['[0.96, 0.97, 0.95, 0.94, 0.93]', undefined],
  ['1/1 ━━━━━━━━━━━━━━━━━━━━ 0s 50ms/step', undefined],
  ['Accuracy: 93.2/100', undefined],
  ['28 out of 30 correct', undefined],
  ['accuracy is below 80 %, tuning', undefined],
  ['Accuracy less than 80, retraining', undefined],
  ['if accuracy > 80 then mail', undefined],
  ['accuracy>0.9 required', undefined],
  ['accuracy < 0.8', undefined],
  ['accuracy >= 80', undefined],
  ['accuracy: nan', undefined],
  ['', undefined],
];

describe('a printed accuracy', () => {
  for (const [log, value] of forms) {
    it(`is found in ${JSON.stringify(log)}`, () => assert.equal(accuracyIn(log), value));
  }
});

describe('what is no printed accuracy', () => {
  for (const [log, value] of traps) {
    it(`is not taken for one: ${JSON.stringify(log)}`, () => assert.equal(accuracyIn(log), value));
  }
});

const bar = (steps: string, rest: string) =>
  `\u001b[1m${steps}\u001b[0m \u001b[32m━━━━━━━━\u001b[0m 5s 3ms/step - ${rest}`;

/** The most suitable figure of a log, as name, value and data. */
function bestIn(log: string): string {
  const [figure] = byRank(readPrintedFigures(log).figures);
  return figure === undefined ? 'none' : `${figure.name} ${figure.value} ${figure.data}`;
}

describe('a progress bar of Keras', () => {
  it('is read as its last redrawing, through carriage returns, colours and backspaces', () => {
    const fit = `Epoch 1/1\n${bar('1/9', 'accuracy: 0.1 - loss: 2')}\r${bar('9/9', 'accuracy: 0.6 - loss: 1 - val_accuracy: 0.5 - val_loss: 1')}\n`;
    assert.equal(accuracyIn(fit), 0.5);
    assert.equal(accuracyIn('val_accuracy: 0.1\b\b\b\bval_accuracy: 0.9'), 0.9);
  });

  it('tells the accuracy of the training data after an epoch, and of other data when it is that of an evaluation', () => {
    const fit = `Epoch 1/1\n${bar('1/9', 'accuracy: 0.5 - loss: 2')}\r${bar('9/9', 'accuracy: 0.6 - loss: 1')}\n`;
    assert.equal(bestIn(fit), 'accuracy 0.6 training');
    assert.equal(bestIn(`${fit}${bar('3/3', 'accuracy: 0.55 - loss: 1')}`), 'accuracy 0.55 unnamed');
    assert.equal(
      bestIn(`${fit}${bar('1/9', 'accuracy: 0.4 - loss: 1')}\r${bar('9/9', 'accuracy: 0.55 - loss: 1')}`),
      'accuracy 0.55 unnamed',
    );
  });

  it('is understood as the older versions write it', () => {
    const old = 'Epoch 1/1\n60000/60000 [==============================] - 5s 83us/sample - loss: 0.2 - acc: 0.9';
    assert.equal(bestIn(old), 'accuracy 0.9 training');
    assert.equal(bestIn('Epoch 1/1\n - 5s - loss: 0.2 - acc: 0.9'), 'accuracy 0.9 training');
    assert.equal(
      bestIn(
        'Epoch 1/1\n9/9 - 5s - loss: 0.2 - accuracy: 0.9 - val_loss: 0.3 - val_accuracy: 0.8\n3/3 - 0s - loss: 0.3 - accuracy: 0.7',
      ),
      'accuracy 0.7 unnamed',
    );
  });

  it('counts as training where a loop of another kind prints loss and accuracy of an epoch', () => {
    assert.equal(bestIn('Epoch 3, Loss: 0.3, Accuracy: 0.97'), 'accuracy 0.97 training');
    assert.equal(bestIn('step 100, training accuracy 0.9'), 'training_accuracy 0.9 training');
  });
});

describe('a hostile log', () => {
  const long = 1024 * 1024;
  const hostile: readonly (readonly [string, string])[] = [
    ['one letter', 'a'],
    ['digits', '1'],
    ['per cents with digits', '%1'],
    ['accuracies', 'accuracy '],
    ['accuracies with a colon', 'accuracy:'],
    ['misspelt accuracies', 'acurracy_'],
    ['brackets', '['],
    ['accuracies with brackets', 'accuracy ['],
    ['tensors', 'tensor('],
    ['representations', '<'],
    ['escapes', '\u001b[1'],
    ['backspaces', '\b'],
    ['signs', '-'],
    ['words and numbers', 'loss 0.1 '],
    ['lines of bars', '1/9 [===\n'],
    ['lines with accuracies', 'accuracy\n'],
    ['fractions', '1/2('],
  ];
  for (const [what, text] of hostile) {
    it(`of a megabyte of ${what} is read in time that grows with its length`, { timeout: 10_000 }, () => {
      readPrintedFigures(text.repeat(long / text.length));
    });
  }
});
